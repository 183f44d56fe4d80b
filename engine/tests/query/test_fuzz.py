"""Whatever a query says, the engine answers it or refuses it with an SqlError.

The grammar's queries nearly always parse, and mostly bind. More of them
run when VIEWSTREAM_FUZZ is set to a number of seeds.
"""

from __future__ import annotations

import os
import re
from random import Random

import pytest

from engine.errors import SqlError
from engine.tests.support.queries import Catalog, View

SEEDS = int(os.environ.get("VIEWSTREAM_FUZZ", "6"))
STATEMENTS = 120

TABLES = {
    "t": "a int4, b text, c int8, d numeric, e bool",
    "u": "a int4, f float8, j jsonb, k text, r int4",
    "s": "at timestamp, i interval, r int4",
}
ROWS = {
    "t": {
        (1, "x", 10, None, True): 1,
        (2, "7", None, None, False): 2,
        (None, "", 0, None, None): 1,
    },
    "u": {(1, 1.5, None, "x", 0): 1, (2, -2.0, None, "y", 3): 1},
}
KINDS = ["int4", "int8", "text", "bool", "numeric", "float8", "jsonb", "timestamp", "interval"]
LITERALS = {
    "int4": ["0", "1", "-1", "2147483647", "$1", "NULL"],
    "int8": ["2147483648", "-9223372036854775808", "7::bigint"],
    "text": ["'x'", "'7'", "''", "NULL::text", "'2020-01-01'", "'%'", "'{'"],
    "bool": ["true", "false", "NULL::bool"],
    "numeric": ["1.5", "1e30", "0.0", "-7::numeric"],
    "float8": ["2.5::float8", "'NaN'::float8", "1e300::float8"],
    "jsonb": ["""'{"a": [1, null]}'::jsonb""", "'[1, 2]'::jsonb", "'3'::jsonb"],
    "timestamp": ["'2020-02-29 12:00'::timestamp", "'1969-12-31'::timestamp"],
    "interval": ["INTERVAL '1' DAY", "INTERVAL '1 month'", "'-3 hours'::interval"],
}
FORMS = {
    "int4": ["{int4} + {int4}", "{int4} / {int4}", "-({int4})", "~{int4}", "length({text})"],
    "int8": ["{int8} * {int4}", "abs({int8})", "({numeric})::bigint", "{int8} % {int8}"],
    "text": ["{text} || {text}", "lower({text})", "({any})::text", "substr({text}, {int4})"],
    "bool": [
        "{int4} = {int4}",
        "{text} < {text}",
        "{any} IS NULL",
        "NOT {bool}",
        "{text} LIKE 'x%'",
    ],
    "numeric": ["{numeric} - {int4}", "round({numeric}, 2)", "({text})::numeric", "{numeric} / 3"],
    "float8": ["{float8} * 2", "sqrt({float8})", "({int4})::float8", "power({float8}, 2)"],
    "jsonb": [
        "{jsonb} -> 'a'",
        "jsonb_build_object('k', {any})",
        "to_jsonb({any})",
        "{jsonb} - 'a'",
    ],
    "timestamp": [
        "{timestamp} + {interval}",
        "date_trunc('day', {timestamp})",
        "({text})::timestamp",
    ],
    "interval": ["{timestamp} - {timestamp}", "{interval} * 2", "-{interval}", "{interval} / 3"],
}
MORE = {
    "int4": ["array_length(ARRAY[{int4}, {int4}], 1)", "extract(year FROM {timestamp})::int"],
    "text": ["{jsonb} ->> 'a'", "replace({text}, 'x', {text})", "concat({any}, {any})"],
    "bool": [
        *("({bool} AND {bool})", "({bool} OR {bool})", "{int4} IN ({int4}, {int4})"),
        *(
            "{numeric} BETWEEN {int4} AND {float8}",
            "{text} IS DISTINCT FROM {text}",
            "({int4}, 1) = (2, 1)",
        ),
        *("{int4} = ANY (ARRAY[1, {int4}])", "{jsonb} @> {jsonb}", "{interval} > {interval}"),
    ],
}
AGGREGATES = {
    "int4": ["min({int4})", "max({int4})"],
    "int8": ["count(*)", "count({any})", "sum({int4})", "count(DISTINCT {text})"],
    "text": ["max({text})", "string_agg({text}, ',')", "string_agg(DISTINCT {text}, ',')"],
    "bool": ["bool_and({bool})", "every({bool})", "bool_or({bool})"],
    "numeric": ["sum({numeric})", "avg({int4})", "sum({int8})", "sum({int8} ORDER BY {text})"],
    "float8": ["avg({float8})", "stddev({float8})", "sum({float8})"],
    "jsonb": [
        "jsonb_agg({any})",
        "jsonb_object_agg({text}, {any})",
        "jsonb_agg({int4} ORDER BY {any})",
    ],
    "timestamp": ["min({timestamp})", "max({timestamp})"],
    "interval": ["sum({interval})", "avg({interval})"],
}

Scope = list[tuple[str, str]]
"""(name, kind) of the columns that can be read."""


class Grammar:
    """Writes queries whose names exist and whose types mostly fit."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._names = 0

    def _one(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _name(self) -> str:
        self._names += 1
        return f"n{self._names}"

    def query(self) -> str:
        kinds = [self._random.choice(KINDS) for _ in range(self._random.randint(1, 3))]
        return self._query(kinds, 2, [])

    def _query(self, kinds: list[str], depth: int, outer: Scope) -> str:
        """A query with columns x0, x1 .. of these kinds."""
        if depth > 0 and self._chance(0.12):
            word = self._one("UNION", "UNION ALL", "EXCEPT", "INTERSECT ALL")
            left, right = (self._query(kinds, depth - 1, outer) for _ in range(2))
            return f"({left}) {word} ({right}){self._tail(kinds)}"
        if self._chance(0.06):
            rows = (self._row(kinds, outer) for _ in range(self._random.randint(1, 3)))
            return f"VALUES {', '.join(rows)}"
        with_, tables = "", list(TABLES)
        if depth > 0 and self._chance(0.15):
            name, own = self._name(), ["int4", "text"]
            with_ = f"WITH {name} (a, b) AS ({self._query(own, depth - 1, outer)}) "
            tables.append(name)
        scope, from_ = self._from(depth, outer, tables)
        where = f" WHERE {self._value('bool', depth, scope + outer)}" if self._chance(0.4) else ""
        if self._chance(0.3):
            return with_ + self._grouped(kinds, depth, scope, outer, from_ + where)
        distinct = self._one("", "", "", "DISTINCT ", "DISTINCT ON (1) ")
        items = (self._value(kind, depth, scope + outer) for kind in kinds)
        listed = ", ".join(f"{item} AS x{at}" for at, item in enumerate(items))
        return f"{with_}SELECT {distinct}{listed}{from_}{where}{self._tail(kinds)}"

    def _row(self, kinds: list[str], outer: Scope) -> str:
        return f"({', '.join(self._value(kind, 1, outer) for kind in kinds)})"

    def _grouped(self, kinds: list[str], depth: int, scope: Scope, outer: Scope, rest: str) -> str:
        keys = [name for name, _ in self._random.sample(scope, min(1, len(scope)))]
        grouped = [column for column in scope if column[0] in keys]
        items = []
        for at, kind in enumerate(kinds):
            if self._chance(0.6):
                item = self._filled(self._one(*AGGREGATES[kind]), 1, scope + outer)
                if self._chance(0.2):
                    item += f" FILTER (WHERE {self._value('bool', 1, scope)})"
            else:
                item = self._value(kind, depth, grouped + outer)
            items.append(f"{item} AS x{at}")
        sql = f"SELECT {', '.join(items)}{rest}"
        sql += f" GROUP BY {', '.join(keys)}" if keys and self._chance(0.8) else ""
        sql += f" HAVING {self._value('bool', 1, grouped)}" if self._chance(0.15) else ""
        return sql + self._tail(kinds)

    def _tail(self, kinds: list[str]) -> str:
        order = f" ORDER BY {self._one('1', 'x0', f'{len(kinds)} DESC')}"
        limit = f" LIMIT {self._one('1', '0', 'ALL', '2 OFFSET 1')}"
        return (order if self._chance(0.2) else "") + (limit if self._chance(0.2) else "")

    def _from(self, depth: int, outer: Scope, tables: list[str]) -> tuple[Scope, str]:
        scope, sql = self._table(depth, outer, tables)
        for _ in range(self._random.choice([0, 0, 1, 1, 2])):
            word = self._one("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", ",")
            lateral = word in ("JOIN", "LEFT JOIN", ",") and self._chance(0.3)
            inner = word in ("JOIN", "CROSS JOIN")
            more, table = self._table(depth, outer + (scope if lateral else []), tables, lateral)
            scope = scope + more
            on = (
                ""
                if word in ("CROSS JOIN", ",")
                else f" ON {self._value('bool', depth if inner else 0, scope)}"
            )
            sql += f" {word} {table}{on}"
        return (scope, f" FROM {sql}") if not self._chance(0.05) else ([], "")

    def _table(
        self, depth: int, outer: Scope, tables: list[str], lateral: bool = False
    ) -> tuple[Scope, str]:
        name = self._name()
        if lateral or (depth > 0 and self._chance(0.25)):
            kinds = [self._random.choice(KINDS) for _ in range(2)]
            inner = self._query(kinds, depth - 1, outer)
            columns = [(f"{name}.x{at}", kind) for at, kind in enumerate(kinds)]
            word = "LATERAL " if lateral else ""
            return columns, f"{word}({inner}) AS {name} (x0, x1)"
        if self._chance(0.12):
            start = self._value("int4", 1, outer) if lateral else "1"
            call = self._one(f"generate_series({start}, 3)", "unnest(ARRAY[1, NULL])")
            if self._chance(0.4):
                call += " WITH ORDINALITY"
            return [(f"{name}.g", "int4")], f"{call} AS {name} (g)"
        table = self._random.choice(tables)
        described = TABLES.get(table, "a int4, b text")
        pairs = (column.split() for column in described.split(", "))
        return [(f"{name}.{column}", kind) for column, kind in pairs], f"{table} AS {name}"

    def _filled(self, form: str, depth: int, scope: Scope) -> str:
        def value(match: re.Match[str]) -> str:
            kind = self._random.choice(KINDS) if match[1] == "any" else match[1]
            return self._value(kind, depth - 1, scope)

        return re.sub(r"\{(\w+)\}", value, form)

    def _value(self, kind: str, depth: int, scope: Scope) -> str:
        if self._chance(0.01):
            kind = self._random.choice(KINDS)
        columns = [name for name, other in scope if other == kind]
        choice = self._random.random()
        if depth <= 0 or choice < 0.35:
            return self._one(*(columns if columns and self._chance(0.75) else LITERALS[kind]))
        if choice < 0.6:
            return f"({self._filled(self._one(*FORMS[kind], *MORE.get(kind, [])), depth, scope)})"
        first, second = (self._value(kind, depth - 1, scope) for _ in range(2))
        condition = self._value("bool", depth - 1, scope)
        if choice < 0.7:
            return f"CASE WHEN {condition} THEN {first} ELSE {second} END"
        if choice < 0.76:
            return f"coalesce({first}, {second})"
        if kind == "bool" and choice < 0.9:
            other = self._random.choice(KINDS)
            inner = self._query([other], depth - 1, scope)
            left = self._value(other, 0, scope)
            quantified = f"{left} {self._one('=', '<')} {self._one('ANY', 'ALL')} ({inner})"
            return self._one(f"EXISTS ({inner})", f"{left} NOT IN ({inner})", f"({quantified})")
        if choice < 0.97:
            return f"(({self._query([kind], depth - 1, scope)}) LIMIT 1)"
        return f"(ARRAY({self._query([kind], depth - 1, scope)}))[1]"


def catalog() -> Catalog:
    found = Catalog(**TABLES)
    found.view("v", "SELECT a, count(*) AS n FROM t GROUP BY a")
    return found


def run(known: Catalog, sql: str) -> str:
    """Compile and run a statement as a SELECT and as a view; returns how far it came."""
    try:
        query = known.compile(sql, maintained=False)
    except SqlError as error:
        return "syntax" if error.code == "42601" else "refused"
    try:
        flow = query.dataflow(parameters=[None] * len(query.parameters))
        query.finish(flow.step(0, known.by_id(ROWS)), [None] * len(query.parameters))
        outcome = "failed" if flow.errors else "answered"
        view = View(known, sql)
        view.step(None, **ROWS)
        errors = {**flow.errors, **view.errors}
    except SqlError:
        return "refused"
    for message in errors:
        assert "internal error" not in message, message
    return outcome


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_statement_is_answered_or_refused(seed: int) -> None:
    grammar = Grammar(Random(seed))
    known = catalog()
    outcomes: dict[str, int] = {}
    for _ in range(STATEMENTS):
        sql = grammar.query()
        try:
            outcome = run(known, sql)
        except Exception as error:
            raise AssertionError(sql) from error
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes.get("syntax", 0) < STATEMENTS // 10, outcomes
    assert outcomes.get("answered", 0) > STATEMENTS // 5, outcomes
