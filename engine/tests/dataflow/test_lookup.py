"""The right side has at most one row for a key; several are errors of the left rows."""

import pytest
from hypothesis import given, settings

from engine.dataflow.operators import Lookup
from engine.tests.dataflow.support import check, errors_of, histories
from engine.zset import Row, ZSet, add_row


def first(row: Row) -> object:
    return None if row[0] is None else (row[0],)


def one_of(right: ZSet, key: object) -> Row | None:
    """The right row of the key; (0, 0, 0) if there are several, None if there is none."""
    found = [row for row, weight in right.items() for _ in range(weight) if first(row) == key]
    return (found[0] if len(found) == 1 else (0, 0, 0)) if found else None


@pytest.mark.parametrize("required", [False, True])
@given(steps=histories(inputs=2))
@settings(max_examples=60, deadline=None)
def test_each_left_row_has_its_value(required: bool, steps: list[list[ZSet]]) -> None:
    def formula(left: ZSet, right: ZSet) -> ZSet:
        output: ZSet = {}
        for row, weight in left.items():
            key = first(row)
            found = None if key is None else one_of(right, key)
            if found is None and (key is None or not required):
                found = (None, None)
            if found is not None and len(found) == 2:
                add_row(output, row + found, weight)
        return output

    check(lambda: Lookup(first, first, 2, required=required), formula, steps)


def test_several_values_are_errors_until_one_remains() -> None:
    operator = Lookup(first, first, 1, required=False)
    several = "more than one record produced in subquery"
    assert errors_of(operator, {(1, "a"): 2}, {(1,): 2}) == {several: 2}
    errors: dict[str, int] = {}
    assert operator.step(1, [{}, {(1,): -1}], errors) == {(1, "a", 1): 2}
    assert errors == {several: -2}
