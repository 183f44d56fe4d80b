"""The rows of a portal: a finished answer, or a running TAIL."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from engine.coordinator import SubscribedChange, Subscription
from engine.relation import Column
from engine.session.change_text import ChangeText
from engine.types import BOOL, INT8, NUMERIC
from engine.zset import Row


class Rows(Protocol):
    async def next(self) -> list[Row] | None:
        """The next rows, at least one; None at the end. May be cancelled without loss."""

    def ready(self) -> list[Row]:
        """The rows that are there without waiting."""

    @property
    def ended(self) -> bool:
        """Whether it is known that no row is left."""

    def close(self) -> None:
        """Free the rows; harmless when done twice."""


class FinishedRows:
    """All rows of an answer that is complete."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    async def next(self) -> list[Row] | None:
        return self.ready() or None

    def ready(self) -> list[Row]:
        rows, self._rows = self._rows, []
        return rows

    @property
    def ended(self) -> bool:
        return not self._rows

    def close(self) -> None:
        self._rows = []


class TailRows:
    """The rows of a TAIL, each led by its time, [whether it is a progress row,] and its diff."""

    def __init__(self, subscription: Subscription, *, progress: bool) -> None:
        self.columns = subscription.columns
        """The columns of the relation, without those that lead the rows."""
        self.progress = progress
        """Whether progress rows are wanted."""
        self._subscription = subscription
        self._nulls: Row = (None,) * len(subscription.columns)

    async def next(self) -> list[Row] | None:
        while (batch := await self._subscription.next_batch()) is not None:
            if rows := self._rows(batch):
                return rows
        return None

    async def next_changes(self) -> list[SubscribedChange] | None:
        """The next changes instead of their rows; None at the end. May be cancelled without loss.

        Progress rows are among them even if they are not wanted.
        """
        return await self._subscription.next_batch()

    def encoded(self, block: SubscribedChange, text: ChangeText) -> bytes:
        """A block in COPY's text, which is encoded once for all TAILs of the relation."""
        return self._subscription.encoded(block, text.form, text.updates)

    def ready(self) -> list[Row]:
        return self._rows(self._subscription.ready())

    @property
    def ended(self) -> bool:
        return self._subscription.ended

    def close(self) -> None:
        self._subscription.close()

    def _rows(self, batch: Sequence[SubscribedChange]) -> list[Row]:
        rows: list[Row] = []
        for change in batch:
            number = Decimal(change.time)
            if change.is_progress:
                if self.progress:
                    rows.append((number, True, None, *self._nulls))
            elif self.progress:
                rows += [(number, False, diff, *row) for row, diff in change.updates]
            else:
                rows += [(number, diff, *row) for row, diff in change.updates]
        return rows


def tail_columns(columns: tuple[Column, ...], *, progress: bool) -> tuple[Column, ...]:
    """The columns of a TAIL of a relation that has `columns`."""
    progressed = (Column("mz_progressed", BOOL),) if progress else ()
    lead = (Column("mz_timestamp", NUMERIC), *progressed, Column("mz_diff", INT8))
    return lead + columns
