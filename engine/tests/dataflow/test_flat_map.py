"""A row may have many rows, which are output in slices."""

from collections.abc import Iterator

from hypothesis import given, settings

from engine.dataflow.operators import FlatMap
from engine.dataflow.operators.sliced import SLICE
from engine.errors import SqlError
from engine.tests.dataflow.support import check, errors_of, histories
from engine.zset import Row, ZSet, add_row


def counted(row: Row) -> Iterator[Row]:
    for number in range(row[0] or 0):
        yield (number,)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_each_row_with_each_of_its_rows(steps: list[list[ZSet]]) -> None:
    def formula(rows: ZSet) -> ZSet:
        output: ZSet = {}
        for row, weight in rows.items():
            for more in counted(row):
                add_row(output, row + more, weight)
        return output

    check(lambda: FlatMap(counted), formula, steps)


def test_many_rows_are_output_in_slices() -> None:
    operator = FlatMap(counted)
    output = operator.step(0, [{(SLICE + 5,): 2}], {})
    assert (len(output), operator.has_more) == (SLICE, True)
    assert operator.step(0, [{}], {}) == {(SLICE + 5, SLICE + n): 2 for n in range(5)}
    assert not operator.has_more


def test_a_row_that_fails_keeps_the_rows_before_the_error() -> None:
    def failing(row: Row) -> Iterator[Row]:
        yield (1,)
        raise SqlError("no more")

    operator = FlatMap(failing)
    assert errors_of(operator, {(7,): 2}) == {"no more": 2}
    assert operator.step(0, [{(7,): -2}], {}) == {(7, 1): -2}
