"""A changed partition is computed again; the outputs sum up to the formula."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from engine.dataflow.operators import Window
from engine.dataflow.operators.window import WindowFunction, dense_rank, rank, row_number, shifted
from engine.errors import SqlError
from engine.tests.dataflow.support import check, errors_of, histories
from engine.zset import Row, Value, ZSet, add_row


def key(row: Row) -> tuple[str, ...]:
    return tuple(map(repr, row))


def window(function: WindowFunction) -> Callable[[], Window]:
    return lambda: Window(lambda row: row[0], key, lambda row: row[1], function)


@pytest.mark.parametrize(
    "function", [row_number, rank, dense_rank, shifted(1, -1, None), shifted(1, 1, 0)]
)
@given(steps=histories())
@settings(max_examples=30, deadline=None)
def test_each_row_has_the_value_of_its_place(
    function: WindowFunction, steps: list[list[ZSet]]
) -> None:
    def formula(rows: ZSet) -> ZSet:
        output: ZSet = {}
        for group in {row[0] for row in rows}:
            members = sorted((row for row in rows if row[0] == group), key=key)
            copies = [row for row in members for _ in range(rows[row])]
            for row, value in zip(copies, function(copies, [r[1] for r in copies]), strict=True):
                add_row(output, (*row, value), 1)
        return output

    check(window(function), formula, steps)


def test_ranks_of_peers() -> None:
    peers = ["a", "b", "b", "c"]
    assert rank([()] * 4, peers) == [1, 2, 2, 4]
    assert dense_rank([()] * 4, peers) == [1, 2, 2, 3]


def test_a_partition_that_fails_is_an_error_until_it_changes() -> None:
    def failing(rows: list[Row], peers: list[Value]) -> list[Value]:
        if len(rows) > 1:
            raise SqlError("too many")
        return [0] * len(rows)

    operator = window(failing)()  # type: ignore[arg-type]
    assert errors_of(operator, {(1, "a"): 1, (1, "b"): 1}) == {"too many": 2}
    errors: dict[str, int] = {}
    assert operator.step(1, [{(1, "a"): -1}], errors) == {(1, "b", 0): 1}
    assert errors == {"too many": -2}
    operator.step(2, [{(1, "b"): -1}], {})
    assert operator.rows_kept == 0
