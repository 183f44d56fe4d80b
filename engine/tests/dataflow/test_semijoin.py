import pytest
from hypothesis import given, settings

from engine.dataflow.operators import SemiJoin
from engine.tests.dataflow.support import check, histories
from engine.tests.dataflow.test_join import first
from engine.zset import ZSet


@given(steps=histories(inputs=2))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("anti", [False, True])
def test_rows_with_or_without_a_partner(anti: bool, steps: list[list[ZSet]]) -> None:
    def formula(left: ZSet, right: ZSet) -> ZSet:
        keys = {row[0] for row in right if row[0] is not None}
        return {row: weight for row, weight in left.items() if (row[0] in keys) != anti}

    check(lambda: SemiJoin(first, first, anti=anti), formula, steps)


def test_a_null_has_no_partner() -> None:
    operator = SemiJoin(first, first, anti=True)
    assert operator.step(0, [{(None, "a"): 1}, {(None, "b"): 1}], {}) == {(None, "a"): 1}


def test_a_second_partner_changes_nothing() -> None:
    operator = SemiJoin(first, first, anti=False)
    assert operator.step(0, [{(1, "a"): 2}, {(1, "x"): 1}], {}) == {(1, "a"): 2}
    assert operator.step(1, [{}, {(1, "y"): 1}], {}) == {}
    assert operator.step(2, [{}, {(1, "x"): -1}], {}) == {}
    assert operator.step(3, [{}, {(1, "y"): -1}], {}) == {(1, "a"): -2}
