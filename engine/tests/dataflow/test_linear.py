"""Union and negate: sums and differences."""

from hypothesis import given, settings

from engine.dataflow.operators import Negate, Union
from engine.tests.dataflow.support import check, histories
from engine.zset import ZSet, add


def total(*inputs: ZSet) -> ZSet:
    result: ZSet = {}
    for zset in inputs:
        add(result, zset)
    return result


@given(histories(inputs=3))
@settings(max_examples=50, deadline=None)
def test_union_adds_weights(steps: list[list[ZSet]]) -> None:
    check(Union, total, steps)


def test_rows_that_cancel_leave_a_union() -> None:
    assert Union().step(0, [{(1,): 1, (2,): 1}, {(1,): -1}], {}) == {(2,): 1}


@given(histories())
@settings(max_examples=25, deadline=None)
def test_negate_negates_weights(steps: list[list[ZSet]]) -> None:
    check(Negate, lambda rows: {row: -weight for row, weight in rows.items()}, steps)
