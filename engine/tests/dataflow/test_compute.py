from hypothesis import given, settings

from engine.dataflow import ErrorChange
from engine.dataflow.operators import Compute
from engine.tests.dataflow.support import check, errors_of, histories
from engine.zset import ZSet, add_row


def halves(change: ZSet) -> tuple[ZSet, ErrorChange]:
    output: ZSet = {}
    errors: ErrorChange = {}
    for row, weight in change.items():
        if row[0] is None:
            errors["no number"] = errors.get("no number", 0) + weight
        else:
            add_row(output, (row[0] // 2,), weight)
    return output, errors


@given(histories())
@settings(max_examples=50, deadline=None)
def test_the_output_is_the_function_of_the_input(steps: list[list[ZSet]]) -> None:
    check(lambda: Compute(halves), lambda rows: halves(rows)[0], steps)


def test_errors_are_counted_until_their_rows_leave() -> None:
    operator = Compute(halves)
    assert errors_of(operator, {(None, "a"): 2, (1, "a"): 1}) == {"no number": 2}
    assert errors_of(operator, {(None, "a"): -1}) == {"no number": -1}
    assert operator.rows_kept == 0
