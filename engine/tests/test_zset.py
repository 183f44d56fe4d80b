"""Sums of changes, whatever form they have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.zset import Bag, Sum, ZSet, add, as_zset

ROWS = st.tuples(st.integers(0, 3))
ZSETS = st.dictionaries(ROWS, st.sampled_from([-2, -1, 1, 2]), max_size=4)


COLUMNS = st.lists(st.integers(0, 3)).map(lambda values: Bag(values, is_column=True))


@given(st.lists(st.one_of(st.lists(ROWS).map(Bag), COLUMNS, ZSETS)))
def test_a_sum_of_bags_and_zsets_is_that_of_their_zsets(changes: list[Bag | ZSet]) -> None:
    total, expected = Sum(), ZSet()
    for change in changes:
        total.add(change)
        add(expected, as_zset(change))
    assert total.size >= len(expected)
    assert as_zset(total.change()) == expected


def test_adding_to_a_sum_leaves_the_bags_as_they_are() -> None:
    first, second = Bag([1], is_column=True), Bag([2, 2], is_column=True)
    total = Sum()
    for bag in (first, second):
        total.add(bag)
    assert total.change() == {(1,): 1, (2,): 2}
    assert (total.size, first.entries, second.entries) == (3, [1], [2, 2])


def test_a_bag_is_false_without_rows_and_a_zset_with_them() -> None:
    assert not Bag([])
    bag = Bag([(1,), (2,), (1,)])
    assert bag
    assert bag == {(1,): 2, (2,): 1}
    assert (len(bag), bag[1,]) == (2, 2)
