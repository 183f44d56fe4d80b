"""Random queries that PostgreSQL's dialect and DuckDB's read alike, over random small tables.

Where the standard leaves a result open (the ties of a top-k, the order in an aggregate) the
queries ask for a total order, so that there is one right answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any

from engine.types.numbers import NAN

Columns = list[tuple[str, str]]
"""(name, type) of each column; types as in `engine.types`."""

_WORDS = ["", "a", "b", "ab", "Z", "ä", "a%"]
_FLOATS = [0.25, -1.5, 2.0, 0.0, NAN]
_NUMBERS = [Decimal("0.125"), Decimal("-1.5"), Decimal(2), Decimal("2.5")]
_DAYS = [date(2020, 2, 29), date(1969, 12, 31), date(2020, 3, 1)]
_TIMES = [datetime(2020, 2, 29, 12, 30), datetime(1969, 12, 31, 23, 59, 59, 999_000)]

_PLAIN_KINDS = ["int4", "int8", "text", "bool"]
_KINDS = [*_PLAIN_KINDS * 2, "int4", "float8", "numeric", "date", "timestamp"]
_SAMPLES: dict[str, list[Any]] = {
    "text": _WORDS,
    "float8": _FLOATS,
    "numeric": _NUMBERS,
    "date": _DAYS,
    "timestamp": _TIMES,
}


@dataclass(frozen=True)
class Source:
    """Something in FROM: its SQL, and its columns as `alias.name` with their types."""

    sql: str
    columns: Columns


class Generator:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.tables: dict[str, Columns] = {}
        self._names = 0
        for number in range(random.randint(2, 3)):
            kinds = [random.choice(_KINDS) for _ in range(2)]
            columns = [("k", "int4"), *((f"c{at}", kind) for at, kind in enumerate(kinds))]
            self.tables[f"t{number}"] = columns

    def row(self, table: str) -> tuple[object, ...]:
        return tuple(self._value(kind) for _, kind in self.tables[table])

    def _value(self, kind: str) -> object:
        if self.random.random() < 0.2:
            return None
        if kind == "bool":
            return self.random.random() < 0.5
        return self.random.choice(_SAMPLES.get(kind) or range(-2, 5))

    def query(self) -> str:
        return self._query(2, [])[0]

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    # Queries: (SQL, types of the columns, which are called x0, x1 ..)

    def _query(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        kinds = [self._plain, self._plain, self._grouped, self._grouped]
        if depth > 0:
            kinds += [self._set_operation, self._top_k, self._distinct, self._lateral, self._cte]
            kinds += [self._outer_joins, self._window]
        return self.random.choice(kinds)(depth, outer)

    def _plain(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        source = self._from(depth, outer)
        scope = source.columns + outer
        kinds = [self._kind() for _ in range(self.random.randint(1, 3))]
        items = [
            f"{self._expression(kind, scope, depth)} AS x{at}" for at, kind in enumerate(kinds)
        ]
        where = self._where(scope, depth)
        return f"SELECT {', '.join(items)} FROM {source.sql}{where}", kinds

    def _outer_joins(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        first, *rest = [self._table() for _ in range(self.random.randint(2, 3))]
        sql, columns = first.sql, list(first.columns)
        for source in rest:
            join = self.random.choice(["LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "JOIN"])
            on = self._equality(columns, source.columns)
            if join != "FULL JOIN" and self._chance(0.5):
                on += f" AND {self._predicate(columns + source.columns, 0)}"
            sql += f" {join} {source.sql} ON {on}"
            columns += source.columns
        kinds = [kind for _, kind in columns[:4]]
        items = [f"{name} AS x{at}" for at, (name, _) in enumerate(columns[:4])]
        return f"SELECT {', '.join(items)} FROM {sql}{self._where(columns + outer, 0)}", kinds

    def _grouped(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        source = self._from(depth, outer)
        keys = [self._kind() for _ in range(self.random.randint(0, 2))]
        spelled = [self._expression(kind, source.columns, 0) for kind in keys]
        aggregates = [self._aggregate(source.columns) for _ in range(self.random.randint(1, 2))]
        items = [*spelled, *(sql for sql, _ in aggregates)]
        kinds = [*keys, *(kind for _, kind in aggregates)]
        listed = ", ".join(f"{item} AS x{at}" for at, item in enumerate(items))
        sql = f"SELECT {listed} FROM {source.sql}{self._where(source.columns + outer, depth)}"
        if keys:
            sql += f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}"
        if self._chance(0.3):
            sql += f" HAVING count(*) {self.random.choice(['>', '<', '='])} {self._number()}"
        return sql, kinds

    def _set_operation(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        kinds = [self._kind() for _ in range(self.random.randint(1, 2))]
        word = self.random.choice(["UNION", "EXCEPT", "INTERSECT"])
        word += self.random.choice(["", " ALL"])
        return f"{self._of_kinds(kinds, outer)} {word} {self._of_kinds(kinds, outer)}", kinds

    def _of_kinds(self, kinds: list[str], outer: Columns) -> str:
        source = self._table()
        scope = source.columns + outer
        items = (f"{self._expression(k, scope, 0)} AS x{at}" for at, k in enumerate(kinds))
        return f"SELECT {', '.join(items)} FROM {source.sql}{self._where(scope, 0)}"

    def _top_k(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        inner, kinds = self._query(depth - 1, outer)
        order = self._total_order([f"x{at}" for at in range(len(kinds))])
        name = self._name("s")
        limit = f" LIMIT {self.random.randint(0, 4)}" if self._chance(0.8) else ""
        offset = f" OFFSET {self.random.randint(0, 3)}" if self._chance(0.4) else ""
        return f"SELECT * FROM ({inner}) AS {name} ORDER BY {order}{limit}{offset}", kinds

    def _distinct(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        inner, kinds = self._query(depth - 1, outer)
        names = [f"x{at}" for at in range(len(kinds))]
        name = self._name("s")
        if self._chance(0.5):
            return f"SELECT DISTINCT * FROM ({inner}) AS {name}", kinds
        order = self._total_order(names, shuffled=False)
        return f"SELECT DISTINCT ON (x0) * FROM ({inner}) AS {name} ORDER BY {order}", kinds

    def _window(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        inner, kinds = self._query(depth - 1, outer)
        total = self._total_order([f"x{at}" for at in range(len(kinds))])
        partition = self.random.choice(["", "PARTITION BY x0 "])
        direction = self.random.choice(["", " DESC"])
        some = f"{partition}ORDER BY x{len(kinds) - 1}{direction} NULLS LAST"
        call, kind = self.random.choice(
            [
                (f"row_number() OVER ({partition}ORDER BY {total})", "int8"),
                (f"rank() OVER ({some})", "int8"),
                (f"dense_rank() OVER ({some})", "int8"),
                (f"count(*) OVER ({some})", "int8"),
                (f"count(x0) OVER ({partition})", "int8"),
                (f"max(x0) OVER ({some})", kinds[0]),
                (f"lag(x0) OVER ({partition}ORDER BY {total})", kinds[0]),
                (f"lead(x0, 2) OVER ({partition}ORDER BY {total})", kinds[0]),
            ]
        )
        name, number = self._name("s"), len(kinds)
        sql = f"SELECT *, {call} AS x{number} FROM ({inner}) AS {name}"
        if call.startswith("row_number") and self._chance(0.5):
            outside = self._name("s")
            limit = self.random.choice(["<= 2", "= 1", "< 3"])
            return f"SELECT * FROM ({sql}) AS {outside} WHERE x{number} {limit}", [*kinds, kind]
        return sql, [*kinds, kind]

    def _lateral(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        groups, table = self._table(), self._table()
        correlated = self._equality(groups.columns, table.columns)
        columns = [name for name, _ in table.columns]
        kinds = [kind for _, kind in table.columns]
        name = self._name("l")
        listed = ", ".join(f"{column} AS x{at}" for at, column in enumerate(columns))
        if self._chance(0.3):
            inner = f"SELECT count(*) AS x0 FROM {table.sql} WHERE {correlated}"
            kinds = ["int8"]
        else:
            inner = (
                f"SELECT {listed} FROM {table.sql} WHERE {correlated} "
                f"ORDER BY {self._total_order(columns)} LIMIT {self.random.randint(1, 2)}"
            )
        join = self.random.choice(
            [f", LATERAL ({inner}) AS {name}"] * 2
            + [f" LEFT JOIN LATERAL ({inner}) AS {name} ON true"]
        )
        key, kind = groups.columns[0]
        listed = ", ".join(f"{name}.x{at} AS x{at + 1}" for at in range(len(kinds)))
        return f"SELECT {key} AS x0, {listed} FROM {groups.sql}{join}", [kind, *kinds]

    def _cte(self, depth: int, outer: Columns) -> tuple[str, list[str]]:
        inner, kinds = self._query(depth - 1, [])
        name = self._name("w")
        one, other = self._name("a"), self._name("a")
        return (
            f"WITH {name} AS ({inner}) SELECT {one}.x0 AS x0, {other}.x0 AS x1 "
            f"FROM {name} AS {one} LEFT JOIN {name} AS {other} ON {one}.x0 = {other}.x0",
            [kinds[0], kinds[0]],
        )

    def _total_order(self, names: list[str], *, shuffled: bool = True) -> str:
        names = list(names)
        if shuffled:
            self.random.shuffle(names)
        directions = ["ASC NULLS LAST", "ASC NULLS FIRST", "DESC NULLS LAST", "DESC NULLS FIRST"]
        return ", ".join(f"{name} {self.random.choice(directions)}" for name in names)

    # FROM

    def _table(self) -> Source:
        name = self.random.choice(list(self.tables))
        alias = self._name("r")
        columns = [(f"{alias}.{column}", kind) for column, kind in self.tables[name]]
        return Source(f"{name} AS {alias}", columns)

    def _from(self, depth: int, outer: Columns) -> Source:
        first = self._source(depth)
        sql, columns = first.sql, list(first.columns)
        for _ in range(self.random.choice([0, 0, 1, 1, 2])):
            other = self._source(0)
            style = self.random.random()
            if style < 0.6:
                join = self.random.choice(["JOIN", "LEFT JOIN"])
                sql += f" {join} {other.sql} ON {self._equality(columns, other.columns)}"
            elif style < 0.9:
                sql += f" JOIN {other.sql} ON {self._equality(columns, other.columns)}"
            else:
                sql += f" CROSS JOIN {other.sql}"
            columns += other.columns
        return Source(sql, columns)

    def _source(self, depth: int) -> Source:
        if depth > 0 and self._chance(0.3):
            inner, kinds = self._query(depth - 1, [])
            alias = self._name("d")
            return Source(
                f"({inner}) AS {alias}", [(f"{alias}.x{at}", k) for at, k in enumerate(kinds)]
            )
        return self._table()

    def _equality(self, left: Columns, right: Columns) -> str:
        pairs = [(a, b) for a, ka in left for b, kb in right if _alike(ka, kb)]
        if not pairs:
            return "true"
        one, other = self.random.choice(pairs)
        return f"{one} = {other}"

    # Expressions

    def _kind(self) -> str:
        return self.random.choice(_KINDS)

    def _number(self) -> str:
        return str(self.random.randint(0, 3))

    def _column(self, kind: str, scope: Columns) -> str | None:
        found = [name for name, k in scope if k == kind]
        return self.random.choice(found) if found else None

    def _literal(self, kind: str) -> str:
        if kind in _SAMPLES:
            value = self.random.choice(_SAMPLES[kind])
            spelled = {"numeric": "decimal(18, 3)", "float8": "double precision"}.get(kind, kind)
            return f"CAST('{value}' AS {spelled})"
        if kind == "bool":
            return self.random.choice(["true", "false"])
        return f"CAST({self._number()} AS {'bigint' if kind == 'int8' else 'int'})"

    def _expression(self, kind: str, scope: Columns, depth: int) -> str:
        column = self._column(kind, scope)
        if column is not None and self._chance(0.6):
            return column
        choice = self.random.random()
        if depth > 0 and choice < 0.25:
            subquery = self._scalar_subquery(kind, scope)
            if subquery is not None:
                return subquery
        atom = column or self._literal(kind)
        if choice < 0.4:
            other = self._column(kind, scope) or self._literal(kind)
            return f"coalesce({atom}, {other})"
        if choice < 0.55:
            condition = self._predicate(scope, 0)
            return f"CASE WHEN {condition} THEN {atom} ELSE {self._literal(kind)} END"
        if kind in ("int4", "int8") and choice < 0.8:
            return f"{atom} {self.random.choice('+-*')} {self._number()}"
        if kind == "text" and choice < 0.8:
            return f"({atom} || {self._literal(kind)})"
        if kind == "bool" and choice < 0.8:
            return f"({self._predicate(scope, depth)})"
        return atom

    def _scalar_subquery(self, kind: str, scope: Columns) -> str | None:
        table = self._table()
        where = self._correlated(table, scope)
        if kind == "int8" and self._chance(0.5):
            return f"(SELECT count(*) FROM {table.sql} WHERE {where})"
        column = self._column(kind, table.columns)
        if column is None or kind == "bool":
            return None
        if self._chance(0.3):
            order = self._total_order([name for name, _ in table.columns])
            return f"(SELECT {column} FROM {table.sql} WHERE {where} ORDER BY {order} LIMIT 1)"
        function = self.random.choice(["min", "max"])
        return f"(SELECT {function}({column}) FROM {table.sql} WHERE {where})"

    def _correlated(self, table: Source, scope: Columns) -> str:
        if scope and self._chance(0.7):
            sql = self._equality(scope, table.columns)
            return sql if self._chance(0.6) else f"{sql} AND {self._predicate(table.columns, 0)}"
        return self._predicate(table.columns + (scope if self._chance(0.3) else []), 0)

    def _where(self, scope: Columns, depth: int) -> str:
        return f" WHERE {self._predicate(scope, depth)}" if self._chance(0.5) else ""

    def _predicate(self, scope: Columns, depth: int) -> str:
        choice = self.random.random()
        if choice < 0.15:
            word = self.random.choice(["AND", "OR"])
            return f"({self._predicate(scope, depth)} {word} {self._predicate(scope, depth)})"
        if choice < 0.2:
            return f"NOT ({self._predicate(scope, depth)})"
        if depth > 0 and choice < 0.5:
            return self._subquery_predicate(scope)
        kind = self._kind()
        left = self._column(kind, scope) or self._literal(kind)
        right = (self._column(kind, scope) if self._chance(0.4) else None) or self._literal(kind)
        if choice < 0.6:
            return f"{left} IS {self.random.choice(['', 'NOT '])}NULL"
        if choice < 0.7:
            listed = ", ".join(self._literal(kind) for _ in range(2))
            return f"{left} {self.random.choice(['', 'NOT '])}IN ({listed})"
        if choice < 0.75:
            return f"{left} IS {self.random.choice(['', 'NOT '])}DISTINCT FROM {right}"
        return f"{left} {self.random.choice(['=', '<>', '<', '<=', '>', '>='])} {right}"

    def _subquery_predicate(self, scope: Columns) -> str:
        table = self._table()
        negated = self.random.choice(["", "NOT "])
        if self._chance(0.45):
            where = self._correlated(table, scope)
            return f"{negated}EXISTS (SELECT 1 FROM {table.sql} WHERE {where})"
        kind = self.random.choice(["int4", "int8", "text"])
        left = self._column(kind, scope) or self._literal(kind)
        right = self._column(kind, table.columns)
        if right is None:
            return f"{left} IS NOT NULL"
        inner = f"SELECT {right} FROM {table.sql}"
        if self._chance(0.6):
            inner += f" WHERE {self._correlated(table, scope)}"
        if self._chance(0.75):
            return f"{left} {negated}IN ({inner})"
        comparison = self.random.choice(["<", ">=", "=", "<>"])
        return f"{left} {comparison} {self.random.choice(['ANY', 'ALL'])} ({inner})"

    def _aggregate(self, scope: Columns) -> tuple[str, str]:
        kind = self._kind()
        argument = self._expression(kind, scope, 0)
        distinct = self.random.choice(["", "", "DISTINCT "])
        where = f" FILTER (WHERE {self._predicate(scope, 0)})" if self._chance(0.2) else ""
        choice = self.random.random()
        if choice < 0.2:
            return f"count(*){where}", "int8"
        if choice < 0.4:
            return f"count({distinct}{argument}){where}", "int8"
        if kind == "bool":
            return f"{self.random.choice(['bool_and', 'bool_or'])}({argument}){where}", "bool"
        if kind == "text" and choice < 0.7:
            order = self.random.choice(["ASC", "DESC"])
            call = f"string_agg({distinct}{argument}, ',' ORDER BY {argument} {order}){where}"
            return call, "text"
        if choice < 0.7 and kind == "int4":
            return f"sum({distinct}{argument}){where}", "sum"
        if choice < 0.7 and kind in ("float8", "numeric"):
            return f"sum({argument}){where}", "sum"
        if choice < 0.8 and kind in ("int4", "int8", "float8"):
            return f"avg({distinct}{argument}){where}", "avg"
        if choice < 0.85 and kind in ("int4", "int8"):
            return f"stddev_pop({argument}){where}", "avg"
        return f"{self.random.choice(['min', 'max'])}({argument}){where}", kind


def _alike(one: str, other: str) -> bool:
    numbers = ("int4", "int8")
    return one == other or (one in numbers and other in numbers)
