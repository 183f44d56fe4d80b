from hypothesis import given, settings

from engine.dataflow.operators import Join
from engine.dataflow.operators.join import concatenate
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
