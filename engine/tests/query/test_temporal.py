"""Temporal filters: rows enter and leave a view at exactly the right times."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.query import Query
from engine.tests.support.queries import Catalog, View
from engine.zset import Row, ZSet, add

EPOCH = datetime(1970, 1, 1)
CATALOG = Catalog(t="a int8, n numeric, f float8, at timestamptz")
CONDITIONS = [
    "mz_logical_timestamp() <= a",
    "mz_logical_timestamp() < n",
    "mz_logical_timestamp() >= a AND mz_logical_timestamp() < a + 5",
    "a BETWEEN mz_logical_timestamp() AND 12",
    "n > mz_logical_timestamp() AND mz_logical_timestamp() > f",
    "mz_logical_timestamp() = n",
    "mz_logical_timestamp() BETWEEN f AND n",
    "mz_now() <= at + INTERVAL '3 milliseconds'",
    "mz_logical_timestamp() >= extract(epoch FROM at) * 1000 AND a > 3",
]
ROWS = st.tuples(
    st.one_of(st.none(), st.integers(0, 15)),
    st.one_of(
        st.none(), st.sampled_from([Decimal("4.5"), Decimal(7), Decimal("-1"), Decimal("NaN")])
    ),
    st.one_of(st.none(), st.sampled_from([2.5, 6.0, float("inf"), float("-inf")])),
    st.one_of(st.none(), st.integers(0, 15).map(lambda ms: EPOCH + timedelta(milliseconds=ms))),
)


@cache
def one_off(sql: str) -> Query:
    return CATALOG.compile(sql, maintained=False)


def at_time(sql: str, contents: ZSet, time: int) -> ZSet:
    query = one_off(sql)
    return query.dataflow(time=time).step(time, CATALOG.by_id({"t": contents}))


@pytest.mark.parametrize("condition", CONDITIONS)
@given(changes=st.lists(st.tuples(st.integers(0, 4), ROWS, st.booleans()), max_size=6))
@settings(max_examples=12, deadline=None)
def test_a_view_equals_a_select_at_every_time(
    condition: str, changes: list[tuple[int, Row, bool]]
) -> None:
    view_sql = f"SELECT * FROM t WHERE {condition}"
    view = View(CATALOG, view_sql)
    contents: ZSet = {}
    pending = list(changes)
    wait = pending[0][0] if pending else -1
    for time in range(20):
        change: ZSet = {}
        if pending and wait == 0:
            _, row, back = pending.pop(0)
            change = {row: -1} if back and row in contents else {row: 1}
            wait = pending[0][0] + 1 if pending else -1
        wait -= 1
        if change or view.flow.next_time == time:
            add(contents, change)
            view.step(time, t=change)
        assert view.contents == at_time(view_sql, contents, time), time
        assert view.flow.next_time is None or view.flow.next_time > time


def test_the_last_minute_of_counts() -> None:
    view = View(
        CATALOG,
        "SELECT n, count(*) AS many FROM t WHERE mz_logical_timestamp() <= a + 60000 GROUP BY n",
    )
    one = Decimal(1)
    view.step(1_000, t={(0, one, None, None): 1, (500, one, None, None): 2})
    assert view.contents == {(one, 3): 1}
    assert view.flow.next_time == 60_001
    assert view.step(60_001) == {(one, 3): -1, (one, 2): 1}
    assert view.flow.next_time == 60_501
    assert view.step(60_501) == {(one, 2): -1}
    assert (view.flow.next_time, view.flow.rows_kept) == (None, 0)


def test_times_pass_through_joins_subqueries_and_top_k() -> None:
    catalog = Catalog(t="a int8, b text", u="b text, w int8")
    view = View(
        catalog,
        "SELECT b, w FROM u WHERE EXISTS "
        "(SELECT 1 FROM t WHERE t.b = u.b AND mz_logical_timestamp() < a) ORDER BY w LIMIT 1",
    )
    view.step(1, t={(5, "x"): 1, (9, "y"): 1}, u={("x", 1): 1, ("y", 2): 1})
    assert view.contents == {("x", 1): 1}
    assert view.flow.next_time == 5
    assert view.step(5) == {("x", 1): -1, ("y", 2): 1}
    assert view.step(9) == {("y", 2): -1}
    assert view.flow.next_time is None
