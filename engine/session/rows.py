"""The rows of a portal: a finished answer, or a running TAIL."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Protocol

from engine.coordinator import SubscribedChange, Subscription
from engine.relation import Column
from engine.session.change_text import ChangeText
from engine.session.encode import RowEncoder
from engine.types import BOOL, INT8, NUMERIC
from engine.zset import Row, Value


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


class SharedRow(tuple[Value, ...]):
    """A row that several TAILs read, with its message in the `form` of the one that encoded it."""

    message: bytes
    form: Hashable


_ROW_BYTES = 300
"""Memory of a shared row besides its message, roughly."""


class TailRows:
    """The rows of a TAIL, each led by its time, [whether it is a progress row,] and its diff."""

    def __init__(self, subscription: Subscription, *, progress: bool) -> None:
        self.columns = subscription.columns
        """The columns of the relation, without those that lead the rows."""
        self.progress = progress
        """Whether progress rows are wanted."""
        self._subscription = subscription
        self._nulls: Row = (None,) * len(subscription.columns)
        self._encode: RowEncoder | None = None
        self._form: Hashable = None

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
        return self._subscription.block(block, text.form, text.updates, len)

    def share(self, encode: RowEncoder, formats: Sequence[int]) -> RowEncoder:
        """Encode rows in these formats once for all TAILs of the relation; returns the encoder."""
        form = (self.progress, *formats)
        self._encode, self._form = encode, form

        def encoded(row: Row) -> bytes:
            if isinstance(row, SharedRow) and row.form == form:
                return row.message
            return encode(row)

        return encoded

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
            if not change.is_progress:
                rows += self._updates(change)
            elif self.progress:
                rows.append((Decimal(change.time), True, None, *self._nulls))
        return rows

    def _updates(self, change: SubscribedChange) -> list[Row]:
        if self._encode is None or not self._subscription.is_shared:
            return self._plain(change)
        rows: list[Row] = []
        for block in change.blocks():
            shared: list[SharedRow] = self._subscription.block(
                block, self._form, self._shared, _size
            )
            rows += shared
        return rows

    def _plain(self, change: SubscribedChange) -> list[Row]:
        number = Decimal(change.time)
        if self.progress:
            return [(number, False, diff, *row) for row, diff in change.updates]
        return [(number, diff, *row) for row, diff in change.updates]

    def _shared(self, block: SubscribedChange) -> list[SharedRow]:
        assert self._encode is not None
        rows = [SharedRow(row) for row in self._plain(block)]
        for row in rows:
            row.message, row.form = self._encode(row), self._form
        return rows


def _size(rows: list[SharedRow]) -> int:
    return sum(_ROW_BYTES + len(row.message) for row in rows)


def tail_columns(columns: tuple[Column, ...], *, progress: bool) -> tuple[Column, ...]:
    """The columns of a TAIL of a relation that has `columns`."""
    progressed = (Column("mz_progressed", BOOL),) if progress else ()
    lead = (Column("mz_timestamp", NUMERIC), *progressed, Column("mz_diff", INT8))
    return lead + columns
