"""`SUBSCRIBE .. ENVELOPE UPSERT (KEY ..)`: the last row of each key instead of weights."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from engine.coordinator import SubscribedChange, Subscription
from engine.relation import Column
from engine.session.rows import tail_columns
from engine.types import TEXT
from engine.zset import Row

_Change = tuple[int, Row]
"""A diff and a row."""


class UpsertRows:
    """The rows of a subscription, one for each time and key whose row changed.

    `mz_state` is `upsert`, `delete` (the other columns are NULL), or `key_violation` where the key
    has more than one row. A time is complete when a later row arrives, so the subscription must
    have progress rows; they are sent on if `progress`.
    """

    def __init__(self, subscription: Subscription, key: Sequence[str], *, progress: bool) -> None:
        names = [column.name for column in subscription.columns]
        self._key = [names.index(name) for name in key]
        self._others = [place for place in range(len(names)) if place not in self._key]
        self._subscription = subscription
        self._progress = progress
        self._time = 0
        self._changes: dict[Row, list[_Change]] = {}
        """The updates at `_time`, by key."""

    async def next(self) -> list[Row] | None:
        while (batch := await self._subscription.next_batch()) is not None:
            if rows := self._rows(batch):
                return rows
        return self._complete() or None

    def ready(self) -> list[Row]:
        return self._rows(self._subscription.ready())

    @property
    def ended(self) -> bool:
        return self._subscription.ended and not self._changes

    def close(self) -> None:
        self._subscription.close()

    def _rows(self, batch: Sequence[SubscribedChange]) -> list[Row]:
        rows: list[Row] = []
        for time, updates, *_ in batch:
            if time > self._time:
                rows += self._complete()
                self._time = time
            for row, diff in updates:
                key = tuple(row[place] for place in self._key)
                self._changes.setdefault(key, []).append((diff, row))
            if not updates and self._progress:
                nulls = (None,) * (1 + len(self._key) + len(self._others))
                rows.append((Decimal(time), True, *nulls))
        return rows

    def _complete(self) -> list[Row]:
        """The rows of `_time`, which is complete."""
        lead = (Decimal(self._time), False) if self._progress else (Decimal(self._time),)
        rows = [(*lead, *self._row(key, changes)) for key, changes in self._changes.items()]
        self._changes = {}
        return rows

    def _row(self, key: Row, changes: list[_Change]) -> Row:
        inserted = [row for diff, row in changes if diff > 0]
        nulls = (None,) * len(self._others)
        if any(abs(diff) != 1 for diff, _ in changes) or len(inserted) > 1 or len(changes) > 2:
            return ("key_violation", *key, *nulls)
        if not inserted:
            state = "delete" if len(changes) == 1 else "key_violation"
            return (state, *key, *nulls)
        return ("upsert", *key, *(inserted[0][place] for place in self._others))


def upsert_columns(
    columns: tuple[Column, ...], key: Sequence[str], *, progress: bool
) -> tuple[Column, ...]:
    """The columns of the rows: time, state, the key, and the other columns."""
    *lead, _diff = tail_columns((), progress=progress)
    keys = [next(column for column in columns if column.name == name) for name in key]
    others = [column for column in columns if column.name not in key]
    return (*lead, Column("mz_state", TEXT), *keys, *others)
