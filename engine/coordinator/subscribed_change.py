"""The updates of one time, as a subscription gives them to its reader: in blocks and batches."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice
from typing import NamedTuple

from engine.coordinator.sharing import BLOCK_ROWS, Snapshot
from engine.zset import Row, ZSet


class SubscribedChange(NamedTuple):
    """Updates at `time` as (row, diff), all or a part of them; none: a progress row.

    A progress row promises that no later update has a time strictly below its own.
    """

    time: int
    updates: Sequence[tuple[Row, int]]
    origin: Hashable = None
    """Names the change, or the snapshot, that the updates are of: the same in all TAILs."""
    start: int = 0
    """The number of updates of the change before these: a multiple of `BLOCK_ROWS`."""

    @property
    def is_progress(self) -> bool:
        return not self.updates

    def blocks(self) -> Sequence[SubscribedChange]:
        """The updates in blocks of `BLOCK_ROWS`."""
        if len(self.updates) <= BLOCK_ROWS:
            return (self,)
        starts = range(0, len(self.updates), BLOCK_ROWS)
        parts = [(self.updates[at : at + BLOCK_ROWS], self.start + at) for at in starts]
        return [self._replace(updates=updates, start=start) for updates, start in parts]


class PendingChange:
    """The updates of one time that a subscription has found and not yet read."""

    def __init__(self, time: int, updates: ZSet, snapshot: Snapshot | None = None) -> None:
        self._time = time
        self._updates = iter(updates.items())
        self._start = 0
        self._snapshot = snapshot
        """Other TAILs share it for as long as one of them refers to it."""
        self.is_exhausted = False

    def take(self, most: int) -> SubscribedChange:
        """Take up to `most` of the updates, all but the last block whole; there may be none."""
        updates = list(islice(self._updates, most))
        start, self._start = self._start, self._start + len(updates)
        self.is_exhausted = len(updates) < most
        origin = self._time if self._snapshot is None else self._snapshot.origin
        return SubscribedChange(self._time, updates, origin, start)
