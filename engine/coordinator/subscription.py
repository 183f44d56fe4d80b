"""What a TAIL reads: the changes of one relation, in the order of their times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from engine.coordinator.collection import ENDLESS, Stored
from engine.coordinator.graph import Graph
from engine.errors import SqlError
from engine.relation import Column
from engine.zset import Row

BATCH_ROWS = 4096
"""The most rows that a batch has, progress rows aside."""


class SubscribedRow(NamedTuple):
    """A change of `diff` copies of `row` at `time`, or, if `progressed`, a progress row.

    A progress row says that nothing will come any more with a time strictly below its own; its
    `diff` and `row` are None.
    """

    time: int
    progressed: bool
    diff: int | None
    row: Row | None


class Subscription:
    """A running TAIL. It keeps its place; what it has not read yet waits in the history.

    It begins with the contents at `as_of` (a snapshot), or with what comes after. What waits costs
    no memory of its own, but keeps the relation's history from being forgotten, up to a limit;
    beyond it the TAIL ends with an error. `on_close` is to release the collection.
    """

    def __init__(
        self,
        id: int,
        collection: Stored,
        graph: Graph,
        *,
        snapshot: bool,
        progress: bool,
        as_of: int,
        on_close: Callable[[Subscription], None],
    ) -> None:
        self.id = id
        self.collection = collection
        self.columns: tuple[Column, ...] = collection.columns
        self.started_at = graph.upper - 1
        self.sent = 0
        """How many updates were read so far."""
        self._graph = graph
        self._progress = progress
        self._told = 0
        """The time of the last progress row."""
        self._due = True
        """Whether a progress row is to be told even if nothing changed."""
        self._frontier = as_of + 1
        """All updates below it were read, or are in `_waiting`."""
        self._snapshot = snapshot
        self._waiting: Iterator[SubscribedRow] | None = None
        self._news = asyncio.Event()
        self._error: SqlError | None = None
        self._closed = False
        self._on_close = on_close
        collection.acquire()
        collection.holders.add(self)

    async def next_batch(self) -> list[SubscribedRow] | None:
        """What is new, in time order and never empty; None when nothing can come any more.

        A batch is bounded (some thousand rows): a large snapshot comes in several. Raises SqlError
        when the TAIL cannot go on (its reader fell too far behind). May be cancelled; nothing is
        lost by that.
        """
        while True:
            self._news.clear()
            if batch := self.ready():
                return batch
            if self.ended:
                return None
            await self._news.wait()

    def ready(self) -> list[SubscribedRow]:
        """What is new now, without waiting; empty when there is nothing or it has ended."""
        if self._error is not None:
            raise self._error
        if self.collection.error is not None:
            raise self.collection.error
        if self._closed or not self.collection.is_complete:
            return []
        batch: list[SubscribedRow] = []
        while len(batch) < BATCH_ROWS and (self._waiting is not None or self._look()):
            assert self._waiting is not None
            batch += islice(self._waiting, BATCH_ROWS - len(batch))
            if len(batch) < BATCH_ROWS:
                self._waiting = None
        self.sent += len(batch)
        self._tell_progress(batch)
        return batch

    def _look(self) -> bool:
        """See whether there is more to read; it is then waiting."""
        time = self._frontier - 1
        if self.collection.is_constant:
            time = ENDLESS
            self._frontier = ENDLESS + 1
        if self._snapshot:
            if time >= self._graph.upper and not self.collection.finished:
                return False
            self._snapshot = False
            contents = dict(self.collection.history.at(min(time, self._graph.upper - 1)))
            self._waiting = (SubscribedRow(time, False, d, row) for row, d in contents.items())
            return True
        found = self.collection.history.next_after(time)
        if found is None:
            return False
        time, change = found
        self._frontier = time + 1
        self._waiting = (SubscribedRow(time, False, diff, row) for row, diff in change.items())
        return True

    def _tell_progress(self, batch: list[SubscribedRow]) -> None:
        if self._waiting is not None or self.collection.finished:
            return
        upper = self._graph.upper
        if upper <= self._frontier - 1:
            return
        self._frontier = max(self._frontier, upper)
        if self._progress and upper > self._told and (batch or self._due):
            batch.append(SubscribedRow(upper, True, None, None))
            self._told = upper
            self._due = False

    @property
    def ended(self) -> bool:
        """Whether all has been delivered and nothing can come any more."""
        if self._closed:
            return True
        if self._error is not None or not self.collection.is_complete:
            return False
        if self._waiting is not None or self._snapshot or not self.collection.finished:
            return False
        return self.collection.history.next_after(self._frontier - 1) is None

    def wake(self, *, progress: bool) -> None:
        """There may be something new; with `progress` it is time for a progress row."""
        if progress:
            self._due = True
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
        """How many milliseconds of changes have not been read."""
        return self._graph.upper - 1 - self.needs_after

    def fell_behind(self) -> None:
        """End with an error: its reader is too slow for what may be kept for it."""
        self.fail(
            SqlError(
                f"TAIL of '{self.collection.name}' fell behind: more updates than are kept for it "
                "have not been read",
                "53400",
            )
        )

    def fail(self, error: SqlError) -> None:
        self._error = error
        self._waiting = None
        self.collection.holders.discard(self)
        self._news.set()

    def close(self) -> None:
        """End the TAIL and free what it holds; harmless when done twice."""
        if self._closed:
            return
        self._closed = True
        self._waiting = None
        self._news.set()
        self.collection.holders.discard(self)
        self._on_close(self)
