from collections.abc import Callable
from itertools import islice
from operator import itemgetter
from typing import Any

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


def of_second_column() -> Count:
    return Count(itemgetter(1), is_column=True)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_a_group_of_one_column_is_kept_as_its_value(steps: list[list[ZSet]]) -> None:
    check(of_second_column, lambda rows: counted(rows, lambda row: row[1:]), steps)


@given(st.lists(st.tuples(st.lists(st.sampled_from(["a", "b", None])), st.sampled_from("ZVR"))))
def test_values_are_counted_as_their_rows_are(steps: list[tuple[list[Any], str]]) -> None:
    of_values, of_rows = Count(itemgetter(0), is_column=True), Count(None)
    for time, (values, form) in enumerate(steps):
        rows = [(value,) for value in values]
        column = Bag(values, is_column=True)
        assert column.zset == Bag(rows).zset
        change = {"Z": column.zset, "V": column, "R": Bag(rows)}[form]
        expected = of_rows.step(time, [column.zset], {})
        assert of_values.step(time, [change], {}) == expected
        if form == "Z":
            assert Count(None).step(time, [column], {}) == Count(None).step(time, [change], {})


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
