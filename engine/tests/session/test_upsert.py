"""SUBSCRIBE .. ENVELOPE UPSERT: one row for each time and key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from engine.coordinator import SubscribedChange
from engine.relation import Column
from engine.session.upsert import UpsertRows, upsert_columns
from engine.types import INT4, TEXT

COLUMNS = (Column("a", TEXT), Column("k", INT4))


class Batches:
    """A subscription that gives prepared batches, and then ends."""

    columns = COLUMNS

    def __init__(self, *batches: Sequence[tuple[int, int | None, str]]) -> None:
        self._batches = list(batches)

    async def next_batch(self) -> list[SubscribedChange] | None:
        return self.ready() if self._batches else None

    def ready(self) -> list[SubscribedChange]:
        changes = self._batches.pop(0) if self._batches else ()
        return [
            SubscribedChange(time, [((text[1:], int(text[0])), diff)] if diff else ())
            for time, diff, text in changes
        ]

    @property
    def ended(self) -> bool:
        return not self._batches


def rows(*batches: Sequence[tuple[int, int | None, str]], progress: bool = False) -> list:
    async def read() -> list:
        upsert = UpsertRows(Batches(*batches), ["k"], progress=progress)  # type: ignore[arg-type]
        found = []
        while (batch := await upsert.next()) is not None:
            assert batch
            found += [tuple(int(v) if isinstance(v, Decimal) else v for v in row) for row in batch]
        assert upsert.ended
        return found

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ([(1, "1x")], ("upsert", 1, "x")),
        ([(-1, "1x")], ("delete", 1, None)),
        ([(-1, "1x"), (1, "1y")], ("upsert", 1, "y")),
        ([(1, "1y"), (-1, "1x")], ("upsert", 1, "y")),
        ([(2, "1x")], ("key_violation", 1, None)),
        ([(1, "1x"), (1, "1y")], ("key_violation", 1, None)),
        ([(-1, "1x"), (-1, "1y")], ("key_violation", 1, None)),
        ([(-1, "1x"), (1, "1y"), (1, "1z")], ("key_violation", 1, None)),
    ],
)
def test_the_changes_of_a_key_are_one_row(changes: list[tuple[int, str]], row: tuple) -> None:
    assert rows([(5, diff, text) for diff, text in changes]) == [(5, *row)]


def test_a_time_that_two_batches_share_is_one() -> None:
    found = rows([(5, -1, "1x")], [(5, 1, "1y"), (6, 1, "2z")])
    assert found == [(5, "upsert", 1, "y"), (6, "upsert", 2, "z")]


def test_progress_rows_follow_the_times_that_they_close() -> None:
    batches = [(4, None, ""), (5, 1, "1x")], [(6, None, "")]
    assert rows(*batches) == [(5, "upsert", 1, "x")]
    assert rows(*batches, progress=True) == [
        (4, True, None, None, None),
        (5, False, "upsert", 1, "x"),
        (6, True, None, None, None),
    ]


def test_the_key_comes_before_the_other_columns() -> None:
    names = [column.name for column in upsert_columns(COLUMNS, ["k"], progress=True)]
    assert names == ["mz_timestamp", "mz_progressed", "mz_state", "k", "a"]
