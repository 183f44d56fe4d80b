from unittest.mock import patch

import pytest
from hypothesis import given, settings

from engine.dataflow.operators import Join
from engine.dataflow.operators.join import concatenate
from engine.dataflow.operators.sliced import SLICE
from engine.tests.dataflow.support import check, histories
from engine.zset import Row, ZSet, add_row


def first(row: Row) -> object:
    """The key: NULL (None) has no partner."""
    return row[0]


def joined(left: ZSet, right: ZSet) -> ZSet:
    result: ZSet = {}
    for one, weight in left.items():
        for other, count in right.items():
            if one[0] is not None and one[0] == other[0]:
                add_row(result, one + other, weight * count)
    return result


@given(histories(inputs=2))
@settings(max_examples=80, deadline=None)
def test_pairs_of_equal_keys(steps: list[list[ZSet]]) -> None:
    check(lambda: Join(first, first, concatenate), joined, steps)


@given(histories(inputs=2))
@settings(max_examples=30, deadline=None)
def test_an_empty_key_pairs_all(steps: list[list[ZSet]]) -> None:
    def crossed(left: ZSet, right: ZSet) -> ZSet:
        return {a + b: v * w for a, v in left.items() for b, w in right.items()}

    check(lambda: Join(lambda row: (), lambda row: (), concatenate), crossed, steps)


def test_rows_that_leave_are_removed_from_the_state() -> None:
    operator = Join(first, first, concatenate)
    operator.step(0, [{(1, "a"): 1, (None, "b"): 1}, {(1, "x"): 1}], {})
    assert operator.rows_kept == 2
    assert operator.step(1, [{(1, "a"): -1, (None, "b"): -1}, {}], {}) == {(1, "a", 1, "x"): -1}
    operator.step(2, [{}, {(1, "x"): -1}], {})
    assert operator.rows_kept == 0


@pytest.mark.parametrize("size", [1, 2, 3])
@given(steps=histories(inputs=2))
@settings(max_examples=20, deadline=None)
def test_slices_add_up_to_all_pairs(size: int, steps: list[list[ZSet]]) -> None:
    with patch("engine.dataflow.operators.join.SLICE", size):
        check(lambda: Join(first, first, concatenate), joined, steps)


def test_many_pairs_are_output_in_slices() -> None:
    operator = Join(lambda row: (), lambda row: (), concatenate)
    left: ZSet = {(number,): 1 for number in range(10)}
    right: ZSet = {(number,): 1 for number in range(2 * SLICE)}
    sizes = [len(operator.step(0, [left, right], {}))]
    while operator.has_more:
        sizes.append(len(operator.step(0, [{}, {}], {})))
    assert sum(sizes) == len(left) * len(right)
    assert max(sizes) <= SLICE
