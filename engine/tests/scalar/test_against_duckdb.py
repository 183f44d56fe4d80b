"""Random expressions against DuckDB, where its semantics and PostgreSQL's agree.

Left out is what they define differently: division of integers (a float there), rounding
of floats (half away from zero there), negative positions in substr, and numerics' scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.scalar import compile_batch, compile_rows
from engine.tests.scalar.evaluate import scalar
from engine.types import BOOL, FLOAT8, INT8, TEXT, TIMESTAMP

COLUMNS = {
    "a": INT8,
    "b": INT8,
    "s": TEXT,
    "t": TEXT,
    "x": FLOAT8,
    "p": BOOL,
    "q": BOOL,
    "m": TIMESTAMP,
}
DUCKDB_TYPES = {
    INT8: "BIGINT",
    TEXT: "VARCHAR",
    FLOAT8: "DOUBLE",
    BOOL: "BOOLEAN",
    TIMESTAMP: "TIMESTAMP",
}

_characters = "abcABC xyé%_,.-1"
_integers = st.integers(-50, 50)
_rows = st.lists(
    st.tuples(
        *(st.none() | _integers,) * 2,
        *(st.none() | st.text(_characters, max_size=8),) * 2,
        st.none() | st.sampled_from([0.0, 0.5, -1.25, 3.0, 1e10, math.inf, math.nan]),
        *(st.none() | st.booleans(),) * 2,
        st.none() | st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),
    ),
    min_size=4,
    max_size=4,
)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_text_literals = st.text(_characters, max_size=4).map(_quoted)
_small = st.integers(0, 6).map(str)


def build(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda texts: template.format(*texts))


def expressions(depth: int) -> dict[Any, st.SearchStrategy[str]]:
    """Strategies for expressions of each type, nested up to `depth` deep."""
    integer = st.sampled_from(["a", "b"]) | _integers.map(lambda n: f"({n})::bigint")
    text = st.sampled_from(["s", "t"]) | _text_literals
    number = st.just("x") | st.sampled_from(["0.5::float8", "2::float8", "(-1)::float8"])
    boolean = st.sampled_from(["p", "q", "true", "false", "null::boolean"])
    moment = st.just("m")
    if depth == 0:
        return {INT8: integer, TEXT: text, FLOAT8: number, BOOL: boolean, TIMESTAMP: moment}
    inner = expressions(depth - 1)
    i, s, x, p, m = (inner[type_] for type_ in (INT8, TEXT, FLOAT8, BOOL, TIMESTAMP))
    comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    unit = st.sampled_from(["hour", "day", "week", "month", "quarter", "year"])
    field = st.sampled_from(["year", "month", "day", "hour", "dow", "doy", "week", "quarter"])

    def conditional(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            build("CASE WHEN {} THEN {} WHEN {} THEN {} ELSE {} END", p, of, p, of, of),
            build("CASE WHEN {} THEN {} END", p, of),
            build("coalesce({}, {})", of, of),
            build("nullif({}, {})", of, of),
        )

    return {
        INT8: st.one_of(
            integer,
            build("({} + {})", i, i),
            build("({} - {})", i, i),
            build("({} * 3)", i),
            build("({} % 7)", i),
            build("(- {})", i),
            build("abs({})", i),
            build("length({})::bigint", s),
            build("strpos({}, {})::bigint", s, s),
            build("ascii({})::bigint", text),
            build("greatest({}, {})", i, i),
            build("least({}, {})", i, i),
            build("extract({} FROM {})::bigint", field, m),
            conditional(i),
        ),
        TEXT: st.one_of(
            text,
            build("({} || {})", s, s),
            build("lower({})", s),
            build("upper({})", s),
            build("reverse({})", s),
            build("substr({}, {}, {})", s, st.integers(1, 6).map(str), _small),
            build("left({}, {})", s, _small),
            build("right({}, {})", s, _small),
            build("lpad({}, {}, 'xy')", s, _small),
            build("rpad({}, {}, 'xy')", s, _small),
            build("replace({}, 'a', {})", s, s),
            build("repeat({}, {})", text, st.integers(0, 3).map(str)),
            build("trim({})", s),
            build("ltrim({}, 'ab')", s),
            build("rtrim({}, 'ab')", s),
            build("split_part({}, ',', {})", s, st.integers(1, 3).map(str)),
            build("concat({}, {})", s, s),
            build("concat_ws('-', {}, {})", s, s),
            build("translate({}, 'abc', 'xy')", s),
            build("md5({})", text),
            build("regexp_replace({}, '[ab]+', '-')", s),
            build("({})::text", i),
            build("({})::text", p),
            conditional(s),
        ),
        FLOAT8: st.one_of(
            number,
            build("({} + {})", number, number),
            build("({} - {})", number, number),
            build("abs({})", x),
            build("floor({})", x),
            build("ceil({})", x),
            build("({})::double precision", i),
            conditional(x),
        ),
        BOOL: st.one_of(
            boolean,
            build("({} AND {})", p, p),
            build("({} OR {})", p, p),
            build("(NOT {})", p),
            build("({} {} {})", i, comparison, i),
            build("({} {} {})", s, comparison, s),
            build("({} {} {})", x, comparison, x),
            build("({} {} {})", m, comparison, m),
            build("({} IS NULL)", i),
            build("({} IS NOT NULL)", s),
            build("({} IS TRUE)", p),
            build("({} IS NOT FALSE)", p),
            build("({} IS DISTINCT FROM {})", i, i),
            build("({} IS NOT DISTINCT FROM {})", s, s),
            build("({} BETWEEN {} AND {})", i, i, i),
            build("({} IN ({}, 1, {}))", i, i, _small),
            build("({} NOT IN ({}, NULL))", i, i),
            build("({} IN ('a', {}))", s, text),
            build("({} LIKE {})", s, _text_literals),
            build("({} NOT LIKE '%a_')", s),
            build("({} ILIKE {})", s, _text_literals),
            build("starts_with({}, {})", s, s),
            conditional(p),
        ),
        TIMESTAMP: st.one_of(
            moment,
            build("date_trunc('{}', {})", unit, m).map(lambda e: f"({e})::timestamp"),
            build("({} + interval '36 hours')", m),
            build("({} - interval '1 month')", m),
            conditional(m),
        ),
    }


_EXPRESSIONS = expressions(3)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    columns = ", ".join(f"{name} {DUCKDB_TYPES[type_]}" for name, type_ in COLUMNS.items())
    connection.execute(f"CREATE TABLE r (i INTEGER, {columns})")
    yield connection
    connection.close()


def _normal(value: Any) -> Any:
    """A key under which equal values of the two are equal: NaN is NaN."""
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


@pytest.mark.parametrize(
    "type_", [INT8, TEXT, FLOAT8, BOOL, TIMESTAMP], ids=lambda type_: type_.name
)
def test_random_expressions(database: duckdb.DuckDBPyConnection, type_: Any) -> None:
    @given(_EXPRESSIONS[type_], _EXPRESSIONS[BOOL], _rows)
    @settings(max_examples=30, deadline=None)
    def check(expression: str, condition: str, rows: list[tuple[Any, ...]]) -> None:
        database.execute("DELETE FROM r")
        places = ", ".join("?" * (len(COLUMNS) + 1))
        database.executemany(
            f"INSERT INTO r VALUES ({places})", [(n, *row) for n, row in enumerate(rows)]
        )
        expected = database.execute(
            f"SELECT {expression}, {condition} FROM r ORDER BY i"
        ).fetchall()
        compiled = scalar(expression, COLUMNS)
        where = scalar(condition, COLUMNS)
        assert compiled.type is type_
        function = compile_rows([compiled, where])
        found = [function(row) for row in rows]
        assert [[_normal(v) for v in row or ()] for row in found] == [
            [_normal(v) for v in row] for row in expected
        ]
        kept, errors = compile_batch([compiled], where)(dict.fromkeys(rows, 1))
        wanted = {
            row: _normal(value) for row, (value, holds) in zip(rows, expected, strict=True) if holds
        }
        assert not errors
        assert sum(kept.values()) == len(wanted)
        assert {_normal(key[0]) for key in kept} == set(wanted.values())

    check()
