"""A running TAIL or SUBSCRIBE: the changes of one relation, in the order of their times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal, TypeVar

from engine.coordinator.collection import ENDLESS, Stored
from engine.coordinator.graph import Graph
from engine.coordinator.sharing import BLOCK_ROWS
from engine.coordinator.subscribed_change import PendingChange, SubscribedChange
from engine.errors import SqlError
from engine.relation import Column
from engine.zset import ZSet

BATCH_ROWS = 4096
"""The most updates in a batch."""

T = TypeVar("T")

Verb = Literal["TAIL", "SUBSCRIBE"]


@dataclass(frozen=True)
class SubscriptionOptions:
    """The options of the client's statement.

    Updates come from `as_of` on: with `snapshot` the contents at that time first, else only what
    is strictly later. Updates at or after `up_to` are left out, and the stream ends there.
    """

    as_of: int
    snapshot: bool = True
    progress: bool = False
    up_to: int | None = None
    depends_on: frozenset[str] = frozenset()
    """The ids of the items that it reads."""
    verb: Verb = "TAIL"
    """A SUBSCRIBE begins with a progress row at `as_of`, and ends when its relation is dropped."""


class Subscription:
    """A position in the history of a collection, and the rows from there on.

    Rows that were not read yet stay in the history: they cost no memory of their own, but are not
    compacted, up to a limit; beyond it the subscription ends with an error. `on_close` releases
    the collection.
    """

    def __init__(
        self,
        id: int,
        collection: Stored,
        graph: Graph,
        options: SubscriptionOptions,
        on_close: Callable[[Subscription], None],
    ) -> None:
        self.id = id
        self.collection = collection
        self.columns: tuple[Column, ...] = collection.columns
        self.options = options
        self.started_at = graph.upper - 1
        self.sent = 0
        """The number of updates that were read so far."""
        self._graph = graph
        self._progress_at = 0
        """The time of the last progress row."""
        self._progress_due = True
        """Whether a progress row is sent even if nothing changed."""
        self._frontier = options.as_of + 1
        """All updates below it were read, or are in `_pending`."""
        self._snapshot = options.snapshot
        self._begun = options.verb == "TAIL" or not options.progress
        """Whether the progress row at the AS OF was sent, if there is one."""
        self._pending: PendingChange | None = None
        self._news = asyncio.Event()
        self._error: SqlError | None = None
        self._closed = False
        self._on_close = on_close
        collection.acquire()
        collection.holders.add(self)
        collection.shared.join()

    async def next_batch(self) -> list[SubscribedChange] | None:
        """Wait for changes, in time order and never none; None when none can come any more.

        A batch is bounded (some thousand updates): a large snapshot comes in several. Raises
        SqlError when the subscription cannot go on. May be cancelled without loss.
        """
        while True:
            self._news.clear()
            if batch := self.ready():
                return batch
            if self.ended:
                return None
            await self._news.wait()

    def ready(self) -> list[SubscribedChange]:
        """Return the changes that can be read without waiting."""
        if self._error is not None:
            raise self._error
        if self.collection.error is not None:
            raise self.collection.error
        if self._closed:
            return []
        batch: list[SubscribedChange] = []
        if not self._begun:
            self._begun = True
            self._progress_at = self.options.as_of
            batch.append(SubscribedChange(self.options.as_of, ()))
        if not self.collection.is_complete:
            return batch
        room = BATCH_ROWS
        while room >= BLOCK_ROWS and (pending := self._pending or self._next_pending()):
            change = pending.take(room // BLOCK_ROWS * BLOCK_ROWS)
            self._pending = None if pending.is_exhausted else pending
            if change.updates:
                batch.append(change)
            room -= len(change.updates)
        self.sent += BATCH_ROWS - room
        if room >= BLOCK_ROWS:  # otherwise more updates may be there
            self._append_progress(batch)
        return batch

    def _next_pending(self) -> PendingChange | None:
        """Return the next time's updates, if there is such a time."""
        if self._snapshot:
            return self._take_snapshot()
        found = self._next_change()
        if found is None:
            return None
        self._frontier = found[0] + 1
        return PendingChange(*found)

    def _take_snapshot(self) -> PendingChange | None:
        time = self.options.as_of
        if self.collection.is_constant:
            # What can no longer change has no time of its own; SUBSCRIBE uses the AS OF.
            time = ENDLESS if self.options.verb == "TAIL" else time
            self._frontier = ENDLESS + 1
        elif time >= self._graph.upper and not self.collection.finished:
            return None
        self._snapshot = False
        if time >= self._end:
            return None
        closed = min(time, self._graph.upper - 1)
        history, shared = self.collection.history, self.collection.shared
        snapshot = shared.snapshot(closed, lambda: history.at(closed))
        return PendingChange(time, snapshot.contents, snapshot)

    def _next_change(self) -> tuple[int, ZSet] | None:
        if self.collection.is_constant:
            return None
        found = self.collection.history.next_after(self._frontier - 1)
        return None if found is None or found[0] >= self._end else found

    @property
    def _end(self) -> int:
        """The time from which on updates are left out."""
        return ENDLESS + 1 if self.options.up_to is None else self.options.up_to

    def _append_progress(self, batch: list[SubscribedChange]) -> None:
        if self._pending is not None or self.collection.finished:
            return
        upper = min(self._graph.upper, self._end)
        if upper <= self._frontier - 1:
            return
        self._frontier = max(self._frontier, upper)
        wanted = self.options.progress and upper > self._progress_at
        if wanted and (batch or self._progress_due):
            batch.append(SubscribedChange(upper, ()))
            self._progress_at = upper
            self._progress_due = False

    @property
    def is_shared(self) -> bool:
        """Whether other TAILs read the same relation."""
        return self.collection.shared.has_several

    def block(
        self,
        block: SubscribedChange,
        form: Hashable,
        encode: Callable[[SubscribedChange], T],
        size: Callable[[T], int],
    ) -> T:
        """Encode a block that was read, unless another TAIL has done so in the same form."""
        key = (block.origin, block.time, block.start, len(block.updates), form)
        return self.collection.shared.block(key, lambda: encode(block), size)

    @property
    def ended(self) -> bool:
        """Whether every row was read and none can come any more."""
        if self._closed:
            return True
        if self._error is not None or not self.collection.is_complete:
            return False
        if self._pending is not None or self._snapshot:
            return False
        is_final = self.collection.finished or self._graph.upper >= self._end
        return is_final and self._next_change() is None

    def wake(self, *, progress: bool) -> None:
        """Let the reader look again; with `progress` a progress row is due."""
        if progress:
            self._progress_due = True
        self._news.set()

    @property
    def needs_after(self) -> int:
        """The time after which changes are still needed."""
        history = self.collection.history
        if self._snapshot or history.next_after(self._frontier - 1) is not None:
            return self._frontier - 1
        return max(self._frontier, self._graph.upper) - 1

    @property
    def lag(self) -> int:
        """How many milliseconds of changes were not read."""
        return self._graph.upper - 1 - self.needs_after

    def fell_behind(self) -> None:
        """End with an error: the reader is too slow for the history that may be kept for it."""
        self.fail(
            SqlError(
                f"{self.options.verb} of '{self.collection.name}' fell behind: more updates than "
                "are kept for it have not been read",
                "53400",
            )
        )

    def on_dropped(self, item_id: str, full_name: str) -> None:
        """End a SUBSCRIBE that reads the dropped item; a TAIL goes on, as in v0.26."""
        if self.options.verb == "SUBSCRIBE" and item_id in self.options.depends_on:
            self.fail(SqlError(f"relation '{full_name}' was dropped"))

    def fail(self, error: SqlError) -> None:
        """End with an error, which the reader gets."""
        self._error = error
        self._pending = None
        self.collection.holders.discard(self)
        self._news.set()

    def close(self) -> None:
        """End the subscription and free what it uses; harmless when done twice."""
        if self._closed:
            return
        self._closed = True
        self._pending = None
        self._news.set()
        self.collection.holders.discard(self)
        self.collection.shared.leave()
        self._on_close(self)
