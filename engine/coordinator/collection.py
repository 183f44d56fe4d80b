"""Collections that dataflows read: relations with stored rows, and sources that read a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from engine.coordinator.history import History
from engine.coordinator.sharing import Shared
from engine.errors import SqlError
from engine.relation import Column
from engine.zset import Change, ZSet

ENDLESS = 2**64 - 1
"""The upper of what can no longer change."""

SLICE_ROWS = 2048
"""Rows of a large change that are fed to a dataflow in one step."""


class Holder(Protocol):
    """A read hold: a reader that still needs the changes of a collection after some time."""

    @property
    def needs_after(self) -> int:
        """The time after which changes are needed."""

    def fell_behind(self) -> None:
        """Raised when history that is still needed would be compacted, because it is too large."""


@dataclass(eq=False)
class Hold:
    """Keeps the changes after a time for a reader that is about to begin."""

    needs_after: int

    def fell_behind(self) -> None:
        """Nothing to do: it lasts only until the reading begins."""


class Replay(Protocol):
    """The contents of a collection at a time, and then its changes, in slices."""

    @property
    def next_time(self) -> int | None:
        """The time of the next slice; None when there is no more for now."""

    def take(self) -> Change:
        """The next slice, part (or all) of the change at `next_time`."""

    def close(self) -> None: ...


class Collection:
    """A relation at run time.

    `users` counts the catalog, the dataflows above it, and its TAILs. It cannot be read until it
    is complete, and it cannot change any more once it has `finished`.
    """

    def __init__(self, id: str, name: str, columns: tuple[Column, ...]) -> None:
        self.id = id
        self.name = name
        self.columns = columns
        self.users = 0
        self.in_catalog = False
        """Whether one of the users is the catalog."""
        self.finished = False
        self.is_constant = False
        """Whether it reads nothing that could change: its rows have no time."""
        self.error: SqlError | None = None
        self.holders: set[Holder] = set()
        self._complete = asyncio.Event()

    @property
    def since(self) -> int:
        """The earliest time at which it can be read."""
        raise NotImplementedError

    def recent(self, changes: int) -> int:
        """The earliest readable time after which there are at most so many changes."""
        raise NotImplementedError

    def replay(self, as_of: int) -> Replay:
        """Its contents at `as_of`, and then what changed; to be closed."""
        raise NotImplementedError

    def acquire(self) -> None:
        self.users += 1

    def release(self) -> list[Collection]:
        """Remove a user; the last one frees the collection.

        Returns the collections that were freed: this one, and those that only this one used.
        """
        self.users -= 1
        return [self, *self.free()] if not self.users else []

    def free(self) -> list[Collection]:
        """Close files, drop rows and inputs; returns the inputs that have no other user."""
        return []

    @property
    def is_complete(self) -> bool:
        return self._complete.is_set() and self.error is None

    def set_complete(self) -> None:
        self._complete.set()

    def fail(self, error: SqlError) -> None:
        """End it: every reader, now or later, gets the error."""
        self.error = error
        self._complete.set()

    async def completion(self) -> None:
        """Wait until its rows are all there; raises SqlError when that will never be."""
        await self._complete.wait()
        if self.error is not None:
            raise self.error

    def check_readable(self, time: int) -> None:
        """Raise SqlError when `time` is before the history that is kept."""
        if time < self.since:
            raise SqlError(
                f"Timestamp ({time}) is not valid for all inputs: "
                f"[Antichain {{ elements: [{self.since}] }}]"
            )


class Stored(Collection):
    """A collection whose rows are in memory."""

    def __init__(self, id: str, name: str, columns: tuple[Column, ...], history: History) -> None:
        super().__init__(id, name, columns)
        self.history = history
        self.shared = Shared()

    @property
    def since(self) -> int:
        return self.history.since

    def recent(self, changes: int) -> int:
        return self.history.nth_last_time(changes)

    def replay(self, as_of: int) -> StoredReplay:
        return StoredReplay(self, as_of)

    def free(self) -> list[Collection]:
        self.history = History(self.history.since)
        return []


class Table(Stored):
    """Rows that are changed by statements, or, for the system's relations, by the engine.

    `stored_updates` counts what was stored of it since that was last summed up.
    """

    stored_updates = 0


class StoredReplay:
    """A replay from memory; a read hold on the changes that were not taken yet."""

    def __init__(self, collection: Stored, as_of: int) -> None:
        collection.check_readable(as_of)
        self.needs_after = as_of
        self._time: int | None = as_of
        self._collection = collection
        self._history = collection.history
        # A copy: the contents go on changing between two slices.
        self._rows = _slices(dict(self._history.at(as_of)))
        collection.holders.add(self)

    @property
    def next_time(self) -> int | None:
        if self._time is None and (found := self._history.next_after(self.needs_after)):
            self._time, change = found
            self._rows = _slices(change)
        return self._time

    def take(self) -> ZSet:
        assert self._time is not None
        slice = next(self._rows, {})
        if len(slice) < SLICE_ROWS:
            self.needs_after = self._time
            self._time = None
        return slice

    def fell_behind(self) -> None:
        """Ignore it: a replay keeps its changes until they are taken."""

    def close(self) -> None:
        self._collection.holders.discard(self)


def _slices(rows: ZSet) -> Iterator[ZSet]:
    if len(rows) < SLICE_ROWS:
        yield rows
        return
    items = iter(rows.items())
    while slice := dict(islice(items, SLICE_ROWS)):
        yield slice
