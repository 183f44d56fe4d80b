"""One-off SELECTs: parameters, order, LIMIT, constants of the session."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SqlError
from engine.query import ordering
from engine.scalar import Environment
from engine.tests.support.queries import ENVIRONMENT, Catalog
from engine.types import INT4, INT8, NUMERIC, TEXT

CATALOG = Catalog(t="a int4, b text, c date")
ROWS = {(number, f"b{number % 3}", None): 1 for number in range(10)}


def test_types_of_parameters_are_inferred_or_declared() -> None:
    sql = "SELECT $1 || b, $3 FROM t WHERE a > $2 LIMIT $4"
    query = CATALOG.compile(sql, maintained=False, parameters={3: NUMERIC})
    assert query.parameters == (TEXT, INT4, NUMERIC, INT8)


def test_values_of_parameters_are_those_of_the_run() -> None:
    sql = "SELECT a, $1 FROM t WHERE a > $2 ORDER BY a DESC LIMIT $3 OFFSET 1"
    query = CATALOG.compile(sql, maintained=False)
    for values, expected in [
        (("x", 5, 2), [(8, "x"), (7, "x")]),
        ((None, 8, None), []),
        (("y", -1, 0), []),
    ]:
        result = query.dataflow(parameters=values).step(0, {"u1": ROWS})
        assert query.finish(result, values) == expected
    with pytest.raises(SqlError, match="LIMIT must not be negative"):
        query.finish({}, ("x", 0, -1))
    with pytest.raises(SqlError, match="there is no parameter"):
        query.dataflow()


def test_equal_rows_are_repeated_by_their_weight() -> None:
    query = CATALOG.compile("SELECT b FROM t ORDER BY b DESC LIMIT 5", maintained=False)
    result = query.dataflow().step(0, {"u1": ROWS})
    assert query.finish(result) == [("b2",)] * 3 + [("b1",)] * 2


def test_without_order_rows_are_sorted_whatever_their_history() -> None:
    query = CATALOG.compile("SELECT b, a FROM t", maintained=False)
    forth = query.finish(query.dataflow().step(0, {"u1": ROWS}))
    back = query.finish(query.dataflow().step(0, {"u1": dict(reversed(ROWS.items()))}))
    assert forth == back == sorted(forth)


TEXTS = st.lists(st.text(max_size=4).filter(lambda text: "\0" not in text), unique=True)


@given(TEXTS)
def test_texts_sort_backwards_by_code_point(texts: list[str]) -> None:
    assert sorted(texts, key=ordering.reversed_text) == sorted(texts, reverse=True)


@pytest.mark.parametrize("order", ["a", "b DESC, a", "c NULLS FIRST, a DESC", "c DESC, b, a"])
@pytest.mark.parametrize(("limit", "offset"), [(None, 0), (100, 30), (7, 0), (0, 5), (60, 990)])
def test_many_rows_are_sorted_in_parts(
    order: str, limit: int | None, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordering, "SORTED_AT_ONCE", 64)
    rows = {
        (number * 7919 % 1000, f"b{number % 3}", None if number % 5 else date(2020, 1, 1)): 1
        for number in range(1000)
    }
    rows[max(rows)] = 4
    query = CATALOG.compile(
        f"SELECT b, a FROM t ORDER BY {order} OFFSET {offset}"
        + (f" LIMIT {limit}" if limit is not None else ""),
        maintained=False,
    )
    result = query.dataflow().step(0, {"u1": rows})
    parts = list(query.finish_in_parts(result))
    monkeypatch.setattr(ordering, "SORTED_AT_ONCE", 10_000)
    everything = [
        (row[1], row[0])
        for row in sorted(rows, key=lambda row: _expected_key(row, order))
        for _ in range(rows[row])
    ]
    assert [row for part in parts for row in part] == everything[offset:][:limit]
    assert max(map(len, parts)) <= 3 * 64
    assert query.finish(result) == everything[offset:][:limit]


def _expected_key(row: tuple[int, str, date | None], order: str) -> tuple[int, ...]:
    a, b, c = row
    letter, present = int(b[1:]), int(c is not None)
    return {
        "a": (a,),
        "b DESC, a": (-letter, a),
        "c NULLS FIRST, a DESC": (present, -a),
        "c DESC, b, a": (present, letter, a),
    }[order]


def test_columns_of_order_by_need_not_be_selected() -> None:
    query = CATALOG.compile("SELECT b FROM t ORDER BY a % 4, a DESC LIMIT 3", maintained=False)
    assert [column.name for column in query.columns] == ["b"]
    result = query.dataflow().step(0, {"u1": ROWS})
    assert query.finish(result) == [("b2",), ("b1",), ("b0",)]


def test_constants_of_the_session_and_the_time_of_the_run() -> None:
    sql = "SELECT mz_logical_timestamp(), pg_postmaster_start_time(), current_database()"
    query = CATALOG.compile(sql, maintained=False)
    environment = Environment(datetime(2021, 2, 3), database="other")
    result = query.dataflow(environment, time=77).step(77, {})
    assert query.finish(result) == [(Decimal(77), datetime(2021, 2, 3), "other")]
    result = query.dataflow(time=2**64 - 1).step(0, {})
    assert query.finish(result)[0][:2] == (Decimal(2**64 - 1), ENVIRONMENT.start_time)
