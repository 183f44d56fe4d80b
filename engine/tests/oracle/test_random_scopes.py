"""Names in nested queries mean what the rule of scopes says, whatever hides what.

The oracle evaluates each query by nested loops, straight from its definition. (SQLite and DuckDB
both give wrong answers where a table of WITH that reads an outer row is used further in.)
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

import pytest

from engine.tests.support.queries import Catalog, View
from engine.zset import ZSet

SEEDS = int(os.environ.get("VIEWSTREAM_ORACLE_SEEDS", "12"))
QUERIES = 20

TABLES = {"t": ("x", "y"), "u": ("x", "z"), "w": ("v",)}
"""Few names, so that tables and columns of different scopes often have the same."""

Scope = dict[str, tuple[str, ...]]
"""The columns of each table by the name that FROM gives it."""

Rows = list[tuple[int | None, ...]]
Env = list[dict[str, tuple[int | None, ...]]]
"""The current row of each table of each scope, the outermost scope first."""

_FOLDS: dict[str, Callable[[list[int]], int]] = {"max": max, "sum": sum, "count": len}

Tables = dict[str, Rows]
"""The tables that a query can name: those of WITH hide others."""


@dataclass(frozen=True)
class Made:
    """A piece of SQL, and the function that evaluates it."""

    sql: str
    value: Callable[[Env, Tables], Any]


class Generator:
    """`scopes` are the enclosing FROMs, `known` the columns of tables that can be named."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def query(self) -> Made:
        scope, tables, rows = self._from(TABLES)
        key, value = self._column([scope]), self._scalar(3, [scope], TABLES)

        def evaluated(env: Env, known: Tables) -> Rows:
            return [
                (key.value([row], known), value.value([row], known)) for row in rows(env, known)
            ]

        return Made(f"SELECT {key.sql} AS c, {value.sql} AS d FROM {tables}", evaluated)

    def _from(self, known: Scope) -> tuple[Scope, str, Callable[[Env, Tables], Env]]:
        names = self._random.sample("abt", self._random.choice([1, 1, 2]))
        tables = {name: self._random.choice(list(known)) for name in names}

        def rows(env: Env, contents: Tables) -> Env:
            parts = product(*(contents[table] for table in tables.values()))
            return [dict(zip(tables, part, strict=True)) for part in parts]

        sql = ", ".join(f"{table} AS {name}" for name, table in tables.items())
        return {name: known[table] for name, table in tables.items()}, sql, rows

    def _column(self, scopes: list[Scope], *, own: bool = False) -> Made:
        """A column of any scope, of the innermost one if `own`, that its name finds there."""
        while True:
            level = len(scopes) - 1 if own else self._random.randrange(len(scopes))
            name = self._random.choice(list(scopes[level]))
            column = self._random.choice(scopes[level][name])
            qualified = self._random.random() < 0.6
            if self._finds(scopes, name if qualified else None, column) == (level, name):
                break
        place = scopes[level][name].index(column)
        sql = f"{name}.{column}" if qualified else column
        return Made(sql, lambda env, _: env[level][name][place])

    def _finds(self, scopes: list[Scope], table: str | None, column: str) -> object:
        """The rule: the innermost scope that has the table, or the column, decides."""
        for level in reversed(range(len(scopes))):
            if table is not None and table in scopes[level]:
                return (level, table) if column in scopes[level][table] else None
            found = [name for name, columns in scopes[level].items() if column in columns]
            if table is None and found:
                return (level, found[0]) if len(found) == 1 else None
        return None

    def _scalar(self, depth: int, scopes: list[Scope], known: Scope) -> Made:
        """An aggregate over a FROM of its own, often with a WITH of its own."""
        with_, known, define = self._with(depth, scopes, known)
        scope, tables, rows = self._from(known)
        inside = [*scopes, scope]
        terms = [self._column(inside, own=True), self._column(inside)]
        if depth > 0 and self._random.random() < 0.4:
            terms.append(self._or_zero(self._scalar(depth - 1, inside, known)))
        condition = self._condition(depth, inside, known)
        name = self._random.choice(list(_FOLDS))

        def evaluated(env: Env, contents: Tables) -> Any:
            contents = define(env, contents)
            values = []
            for row in rows(env, contents):
                if condition.value([*env, row], contents):
                    parts = [term.value([*env, row], contents) for term in terms]
                    values += [] if None in parts else [sum(parts)]
            return _FOLDS[name](values) if values or name == "count" else None

        total = " + ".join(term.sql for term in terms)
        sql = f"SELECT {name}({total}) FROM {tables} WHERE {condition.sql}"
        return Made(f"({with_}{sql})", evaluated)

    def _or_zero(self, made: Made) -> Made:
        def evaluated(env: Env, contents: Tables) -> Any:
            value = made.value(env, contents)
            return 0 if value is None else value

        return Made(f"coalesce({made.sql}, 0)", evaluated)

    def _with(
        self, depth: int, scopes: list[Scope], known: Scope
    ) -> tuple[str, Scope, Callable[[Env, Tables], Tables]]:
        if depth == 0 or self._random.random() < 0.4:
            return "", known, lambda env, contents: contents
        name = self._random.choice(["r", "s", "w"])
        scope, tables, rows = self._from(known)
        over = f" FROM {tables}"
        if self._random.random() < 0.5:
            scope, over = {}, ""
            column = self._column(scopes)
        else:
            column = self._column([*scopes, scope])

        def define(env: Env, contents: Tables) -> Tables:
            inside = rows(env, contents) if over else [{}]
            return {**contents, name: [(column.value([*env, r], contents),) for r in inside]}

        sql = f"WITH {name} AS (SELECT {column.sql} AS v{over}) "
        return sql, {**known, name: ("v",)}, define

    def _condition(self, depth: int, scopes: list[Scope], known: Scope) -> Made:
        choice, left = self._random.random(), self._column(scopes)
        if depth == 0 or choice < 0.4:
            right, less = self._column(scopes), self._random.random() < 0.5

            def compared(env: Env, contents: Tables) -> bool:
                a, b = left.value(env, contents), right.value(env, contents)
                return bool(a < b if less else a == b)

            return Made(f"{left.sql} {'<' if less else '='} {right.sql}", compared)
        with_, known, define = self._with(depth - 1, scopes, known)
        scope, tables, rows = self._from(known)
        inside = [*scopes, scope]
        column = self._column(inside)
        condition = self._condition(depth - 1, inside, known)
        negated = choice < 0.6
        exists = choice > 0.85

        def member(env: Env, contents: Tables) -> bool:
            wanted = left.value(env, contents)
            contents = define(env, contents)
            found = (
                [*env, row] for row in rows(env, contents) if condition.value([*env, row], contents)
            )
            if exists:
                return any(True for _ in found)
            return any(column.value(row, contents) == wanted for row in found) != negated

        inner = f"({with_}SELECT {column.sql} FROM {tables} WHERE {condition.sql})"
        word = "NOT IN" if negated else "IN"
        return Made(f"EXISTS {inner}" if exists else f"{left.sql} {word} {inner}", member)


def test_the_generator_uses_all_that_it_may() -> None:
    queries = [Generator(Random(seed)).query().sql for seed in range(100)]
    for word in ("WITH r", "WITH w", "EXISTS", "NOT IN", "count", "max", "coalesce"):
        assert any(word in query for query in queries), word


@pytest.mark.parametrize("seed", range(SEEDS))
def test_views_equal_an_evaluation_by_the_rule_of_scopes(seed: int) -> None:
    random = Random(seed)
    contents: dict[str, ZSet] = {
        name: {tuple(random.randint(0, 3) for _ in columns): 1 for _ in range(3)}
        for name, columns in TABLES.items()
    }
    described = {name: ", ".join(f"{c} int8" for c in cols) for name, cols in TABLES.items()}
    catalog = Catalog(**described)
    for _ in range(QUERIES):
        made = Generator(random).query()
        expected = made.value([], {name: list(rows) for name, rows in contents.items()})
        view = View(catalog, made.sql)
        view.step()
        for name, rows in contents.items():
            for row in rows:
                view.step(None, **{name: {row: 1}})
        found = {tuple(map(_number, row)): weight for row, weight in view.contents.items()}
        assert found == Counter(expected), f"\n{made.sql}\n{contents}"


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
