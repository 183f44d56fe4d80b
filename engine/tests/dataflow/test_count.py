from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dataflow.operators import Count
from engine.dataflow.operators.sliced import SLICE
from engine.tests.dataflow.support import ROWS, check, histories, stepped
from engine.zset import Bag, Row, ZSet, add

Key = Callable[[Row], Row] | None
KEYS: list[Key] = [None, lambda row: row[1:]]


def counted(rows: ZSet, key: Key) -> ZSet:
    groups: ZSet = {}
    for row, weight in rows.items():
        add(groups, {row if key is None else key(row): weight})
    return {(*group, count): 1 for group, count in groups.items()}


@pytest.mark.parametrize("key", KEYS)
@given(histories())
@settings(max_examples=60, deadline=None)
def test_a_row_with_its_count_for_each_group(key: Key, steps: list[list[ZSet]]) -> None:
    check(lambda: Count(key), lambda rows: counted(rows, key), steps)


@pytest.mark.parametrize("key", KEYS)
@given(st.lists(st.tuples(st.lists(ROWS), st.booleans(), st.booleans())))
def test_a_bag_is_what_its_zset_is(key: Key, steps: list[tuple[list[Row], bool, bool]]) -> None:
    bags, zsets = Count(key), Count(key)
    for time, (rows, deferred, removed) in enumerate(steps):
        bag = Bag(rows)
        bags.is_deferred = zsets.is_deferred = deferred
        results = [operator.step(time, [change], {}) for operator, change in
                   ((bags, bag), (zsets, bag.zset))]  # fmt: skip
        if removed:  # what waits may be nothing in the end
            gone = {row: -weight for row, weight in bag.items()}
            results = [add_step(result, operator, gone) for result, operator in
                       zip(results, (bags, zsets), strict=True)]  # fmt: skip
        assert results[0] == results[1]
        assert 0 not in results[0].values()


def add_step(result: ZSet, operator: Count, change: ZSet) -> ZSet:
    total = dict(result)
    add(total, operator.step(0, [change], {}))
    return total


def test_a_large_change_comes_in_slices() -> None:
    operator = Count(None)
    change: ZSet = {(number,): 1 for number in range(SLICE + 10)}
    first = operator.step(0, [change], {})
    assert len(first) == SLICE
    assert operator.has_more
    assert len(operator.step(0, [{}], {})) == 10
    assert not operator.has_more
    gone = dict.fromkeys(islice(change, SLICE + 5), -1)
    assert stepped(operator, 1, [gone]) == {(*row, 1): -1 for row in gone}
    assert operator.rows_kept == 5
