from hypothesis import given, settings

from engine.dataflow.operators import Distinct
from engine.tests.dataflow.support import check, histories
from engine.zset import ZSet


@given(histories())
@settings(max_examples=60, deadline=None)
def test_each_row_is_output_once(steps: list[list[ZSet]]) -> None:
    check(Distinct, lambda rows: dict.fromkeys(rows, 1), steps)


def test_further_copies_change_nothing() -> None:
    operator = Distinct()
    assert operator.step(0, [{(1,): 3}], {}) == {(1,): 1}
    assert operator.step(1, [{(1,): -2}], {}) == {}
    assert operator.rows_kept == 1
    assert operator.step(2, [{(1,): -1}], {}) == {(1,): -1}
    assert operator.rows_kept == 0
