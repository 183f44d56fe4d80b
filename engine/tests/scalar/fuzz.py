"""Random scalar expressions that mostly type: each is evaluated, or refused with a SqlError.

Run by hand for longer: python -m engine.tests.scalar.fuzz 100000 [first seed]
"""

from __future__ import annotations

import sys
from collections import Counter
from random import Random

from engine.errors import SqlError
from engine.scalar.registry import FUNCTIONS, Function
from engine.tests.support.queries import Catalog
from engine.types import (
    BOOL,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Array,
    SqlType,
    array_of,
)

LITERALS: dict[SqlType, tuple[str, ...]] = {
    BOOL: ("true", "false"),
    INT2: ("0", "1", "-32768", "32767"),
    INT4: ("0", "1", "-1", "7", "2147483647", "-2147483648"),
    INT8: ("0", "9223372036854775807", "-9223372036854775808", "86400"),
    FLOAT4: ("0", "-0", "1.5", "NaN", "Infinity", "3.4e38", "1e-45"),
    FLOAT8: ("0", "-0", "-2.5", "NaN", "-Infinity", "1.7e308", "5e-324", "1e20"),
    NUMERIC: ("0", "NaN", "0.005", "-123456.789", "9" * 39, "1e-39"),
    TEXT: (
        "",
        "a",
        "2020-01-02",
        "12",
        "[1]",
        '{"a":1}',
        "ünï ß",
        "%_\\",
        "(a|b)+$",
        "P1Y",
        "{1,2}",
    ),
    BYTEA: ("", "\\x00ff", "abc"),
    DATE: ("0001-01-01", "9999-12-31", "2020-02-29"),
    TIME: ("00:00:00", "23:59:59.999999"),
    TIMESTAMP: ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2020-02-29 12:00:00"),
    TIMESTAMPTZ: ("0001-01-01 00:00:00+00", "2020-02-29 23:59:59.5+05:30"),
    INTERVAL: (
        "0",
        "1 month -29 days",
        "-2147483648 months",
        "1 day",
        "2147483647 days",
        "0.5 seconds",
    ),
    JSONB: (
        "null",
        "true",
        "1e100000000",
        "-0",
        "[]",
        '[1,"a",{"b":null}]',
        '{"a":{"b":[1]}}',
        '"s"',
    ),
    UUID: ("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000000000000000000000000000"),
}
UNITS = ("year", "mons", "week", "isodow", "epoch", "us", "timezone", "fortnight", "")
_TYPES = tuple(LITERALS)
_SIGNATURES: dict[SqlType, list[Function]] = {}
for _functions in FUNCTIONS.values():
    for _function in _functions:
        if not _function.volatile:
            _SIGNATURES.setdefault(_function.returns, []).append(_function)


def expression(random: Random, type_: SqlType, depth: int) -> str:
    """An expression that is meant to be of the type."""
    kind = random.random()
    if depth == 0 or kind < 0.15:
        return literal(random, type_)
    if kind < 0.25:
        other = random.choice(_TYPES)
        return f"({expression(random, other, depth - 1)})::{type_.name}"
    if kind < 0.35:
        condition = expression(random, BOOL, depth - 1)
        values = [expression(random, type_, depth - 1) for _ in range(2)]
        form = random.choice(
            (
                "CASE WHEN {0} THEN {1} ELSE {2} END",
                "coalesce({1}, {2})",
                "nullif({1}, {2})",
                "greatest({1}, {2})",
                "(ARRAY[{1}, {2}])[1]",
            )
        )
        return form.format(condition, *values)
    if type_ is BOOL and kind < 0.6:
        return condition_of(random, depth)
    signatures = _SIGNATURES.get(type_)
    if not signatures:
        return literal(random, type_)
    return call(random, random.choice(signatures), depth)


def literal(random: Random, type_: SqlType) -> str:
    if random.random() < 0.1:
        return f"NULL::{type_.name}"
    if isinstance(type_, Array):
        items = [literal(random, type_.element) for _ in range(random.randrange(3))]
        return f"ARRAY[{', '.join(items)}]::{type_.element.name}[]"
    if type_ not in LITERALS:
        return "NULL"
    text = random.choice(LITERALS[type_] + (UNITS if type_ is TEXT else ()))
    return "'" + text.replace("'", "''") + f"'::{type_.name}"


def call(random: Random, function: Function, depth: int) -> str:
    types = list(function.arguments)
    if function.variadic:
        types += types[-1:] * random.randrange(3)
    arguments = [expression(random, type_, depth - 1) for type_ in types]
    if function.name[0].isalpha():
        return f"{function.name}({', '.join(arguments)})"
    if len(arguments) == 1:
        return f"({function.name} ({arguments[0]}))"
    return f" {function.name} ".join(f"({argument})" for argument in arguments)


def condition_of(random: Random, depth: int) -> str:
    type_ = random.choice((*_TYPES, array_of(INT4)))
    left, middle, right = (expression(random, type_, depth - 1) for _ in range(3))
    return random.choice(
        (
            "({0}) = ({1})",
            "({0}) < ({1})",
            "({0}) IS NULL",
            "({0}) IS DISTINCT FROM ({1})",
            "({0}) BETWEEN ({1}) AND ({2})",
            "({0}) IN ({1}, {2})",
            "({0}) = ANY (ARRAY[{1}, {2}])",
            "NOT (({0}) <> ({1}) AND ({1}) >= ({2}) OR ({0}) = ({2}))",
        )
    ).format(left, middle, right)


def outcome(catalog: Catalog, sql: str) -> str:
    """`ok`, `refused` (when compiled) or `failed` (when evaluated); raises what is no SqlError."""
    try:
        query = catalog.compile(sql, maintained=False)
    except SqlError:
        return "refused"
    try:
        flow = query.dataflow(time=1000)
        rows = query.finish(flow.step(1000, {}))
    except SqlError:
        return "failed"
    for text in flow.errors:
        assert "internal error" not in text, text
    if flow.errors:
        return "failed"
    for (value,) in rows:
        if value is not None:
            query.columns[0].type.to_text(value)
            query.columns[0].type.to_binary(value)
    return "ok"


def run(first: int, count: int) -> tuple[Counter[str], list[tuple[str, BaseException]]]:
    """Evaluate expressions of so many seeds; the outcomes, and what raised something else."""
    catalog = Catalog()
    outcomes: Counter[str] = Counter()
    faults: list[tuple[str, BaseException]] = []
    for seed in range(first, first + count):
        random = Random(seed)
        sql = f"SELECT {expression(random, random.choice(_TYPES), random.choice((1, 2, 3)))}"
        try:
            outcomes[outcome(catalog, sql)] += 1
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is a fault
            faults.append((sql, error))
    return outcomes, faults


if __name__ == "__main__":
    _count = int(sys.argv[1])
    _outcomes, _faults = run(int(sys.argv[2]) if len(sys.argv) > 2 else 0, _count)
    print(dict(_outcomes), len(_faults), "faults")
    for _sql, _error in _faults[:20]:
        print(f"{type(_error).__name__}: {_error}\n    {_sql}")
