from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dataflow.operators import TopK
from engine.dataflow.ranking import Ranking
from engine.tests.dataflow.support import check, histories
from engine.zset import Row, ZSet, add_row


def order(row: Row) -> tuple[object, ...]:
    return tuple((value is None, value) for value in row)


def window(rows: ZSet, limit: int, offset: int) -> ZSet:
    copies = [row for row in sorted(rows, key=order) for _ in range(rows[row])]
    result: ZSet = {}
    for row in copies[offset : offset + limit]:
        add_row(result, row, 1)
    return result


@given(steps=histories(), limit=st.integers(0, 4), offset=st.integers(0, 2))
@settings(max_examples=80, deadline=None)
def test_the_first_rows_of_all(steps: list[list[ZSet]], limit: int, offset: int) -> None:
    check(
        lambda: TopK(None, order, limit=limit, offset=offset),
        lambda rows: window(rows, limit, offset),
        steps,
    )


@given(steps=histories())
@settings(max_examples=60, deadline=None)
def test_the_first_rows_of_each_group(steps: list[list[ZSet]]) -> None:
    def formula(rows: ZSet) -> ZSet:
        result: ZSet = {}
        for key in {row[0] for row in rows}:
            group = {row: weight for row, weight in rows.items() if row[0] == key}
            result |= window(group, 2, 0)
        return result

    check(lambda: TopK(lambda row: row[0], order, limit=2), formula, steps)


@pytest.mark.parametrize("count", [1, 10, 100])
def test_a_ranking_of_many_rows_equals_sorting(count: int) -> None:
    random = Random(count)
    ranking = Ranking(lambda row: row)
    contents: ZSet = {}
    for step in range(60):
        change: ZSet = {}
        for _ in range(random.choice([1, 50, 300])):
            row = (random.randrange(2000), random.randrange(3))
            if step > 30 and random.random() < 0.8 and contents:
                row = min(contents)  # take away from the front, so that later buckets move up
                if change.get(row, 0) + contents.get(row, 0) <= 0:
                    continue
                add_row(change, row, -1)
            else:
                add_row(change, row, 1)
        ranking.update(change)
        for row, weight in change.items():
            add_row(contents, row, weight)
        taken = [row for row, weight in ranking.first(count) for _ in range(weight)]
        assert taken == [row for row in sorted(contents) for _ in range(contents[row])][:count]
        assert ranking.size == len(contents)


def test_a_change_behind_the_window_costs_no_sorting() -> None:
    """The work for a change does not grow with the rows that are there."""
    asked = 0

    def key(row: Row) -> Row:
        nonlocal asked
        asked += 1
        return row

    ranking = Ranking(key)
    for number in range(30_000):
        ranking.update({(number,): 1})
        if number == 20:
            ranking.first(10)
    ranking.first(10)
    asked = 0
    for number in range(1000):
        ranking.update({(30_000 + number,): 1})
        ranking.first(10)
    assert asked <= 1000
    asked = 0
    for number in range(1000):
        ranking.update({(number,): -1})
        ranking.first(10)
    assert asked < 250 * 1000


def test_rows_that_leave_are_removed_from_the_state() -> None:
    operator = TopK(lambda row: row[0], order, limit=1)
    operator.step(0, [{(1, "a"): 1, (2, "a"): 2}], {})
    assert operator.rows_kept == 2
    operator.step(1, [{(2, "a"): -2}], {})
    assert operator.rows_kept == 1
