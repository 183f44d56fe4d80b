"""A view that is followed: its rows, its standing, and an iterator over its changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakSet

from viewstream.client.change import Change, merge, read_entries
from viewstream.client.state import ViewState
from viewstream.client.values import Value, read_row
from viewstream.protocol import Column, Position

log = logging.getLogger("viewstream")


class FollowError(Exception):
    """The server refuses to stream this, and asking again would not help."""


class Standing(NamedTuple):
    """The state of a view on its way from the engine, for people.

    `state` is `connecting`, `waiting` (for a base), `stale`, `unverified`, `live`, `refused` or
    `closed`; `reason` is a sentence, or empty. That of a `live` view is a failure that will make it
    `stale` if it lasts; that of a `connecting` one, why the last try failed.
    """

    state: str
    reason: str = ""


class Changes:
    """An iterator over the changes of one view, for one consumer.

    Changes that come while the consumer is busy are merged into one, so a slow consumer costs
    memory in the size of the view and never falls behind. The first change has all rows.
    """

    def __init__(self, pending: Change | None) -> None:
        self._pending = pending
        self._end: Exception | None = None
        self._news = asyncio.Event()
        if pending is not None:
            self._news.set()

    def add(self, change: Change) -> None:
        self._pending = change if self._pending is None else merge(self._pending, change)
        self._news.set()

    def end(self, error: Exception) -> None:
        """Raise `error` once the pending change has been taken."""
        self._end = error
        self._news.set()

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Change:
        await self._news.wait()
        change, self._pending = self._pending, None
        if change is None:
            assert self._end is not None
            raise self._end
        if self._end is None:
            self._news.clear()
        return change


class View:
    """One view of a `Stream`: `async for change in view` at each consistent point."""

    def __init__(self, name: str, key: Sequence[str] = ()) -> None:
        self.state = ViewState(name)
        """The core: rows as tuples of PostgreSQL's texts, with their weights."""
        self._key = key
        self._changes: WeakSet[Changes] = WeakSet()
        self._is_connected = False
        self._why_not_connected = ""
        self._end: Exception | None = None

    @property
    def name(self) -> str:
        return self.state.view

    @property
    def columns(self) -> Sequence[Column]:
        return self.state.columns

    @property
    def position(self) -> Position | None:
        """The epoch and the frontier of the rows; None before the first base."""
        return self.state.position

    @property
    def is_loaded(self) -> bool:
        """Whether a base has come: until then, no rows do not mean an empty view."""
        return bool(self.state.columns) or self.state.position is not None

    @property
    def standing(self) -> Standing:
        status = self.state.status
        if self._end is not None:
            return Standing("closed", str(self._end))
        if not self._is_connected:
            return Standing("connecting", self._why_not_connected)
        reason = "" if status is None else status.reason
        if status is not None and status.state != "live":
            return Standing(status.state, reason)
        if self.state.position is None:
            return Standing("waiting", reason)
        return Standing("unverified" if self.state.is_unverified else "live", reason)

    def rows(self) -> list[dict[str, Value]]:
        """Return the rows with Python values, in no order; one that is there twice comes twice."""
        return [read_row(self.state.columns, row) for row in self.state.list_rows()]

    def entries(self) -> list[tuple[dict[str, Value], int]]:
        """Return each row once, with Python values and how often it is there."""
        return read_entries(self.state.columns, self.state.rows, 1)

    def __aiter__(self) -> Changes:
        """Iterate over changes; raises FollowError if the server refuses the view for good."""
        position, state = self.state.position, self.state
        pending = None
        if position is not None:
            rows, columns = dict(state.rows), state.columns
            pending = self.with_key(
                Change(state.view, position.epoch, None, position.frontier, rows, columns, columns)
            )
        changes = Changes(pending)
        if self._end is not None:
            changes.end(self._end)
        self._changes.add(changes)
        return changes

    def with_key(self, change: Change) -> Change:
        """Return the change with the key of the view, if its columns have that key."""
        if not self._key:
            return change
        names = {column.name for column in change.columns}
        missing = [name for name in self._key if name not in names]
        if not missing and set(self._key) <= {column.name for column in change.columns_before}:
            return replace(change, key=self._key)
        if missing and change.lower is None:
            found = f"{self.name} ({', '.join(sorted(names))}) as key, found {missing[0]}"
            log.error("expected one of the columns of %s", found)
        return change

    def on_connected(self) -> None:
        self._is_connected = True

    def on_disconnected(self, reason: str = "", *, is_quiet: bool = False) -> None:
        """Note that there is no connection; the standing stays as it is if that is quiet."""
        self._why_not_connected = reason
        self._is_connected = self._is_connected and is_quiet
        self.state.disconnect()

    def on_change(self, change: Change) -> None:
        for changes in self._open_changes():
            changes.add(change)

    def on_end(self, error: Exception) -> None:
        """End all iterators, those of now and of later: the stream is closed, or was refused."""
        self._end = error
        self.on_refused(error)

    def on_refused(self, error: Exception) -> None:
        """End the iterators of now: the server does not serve this view."""
        for changes in self._open_changes():
            changes.end(error)

    def _open_changes(self) -> Iterator[Changes]:
        return iter(list(self._changes))
