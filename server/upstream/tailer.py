"""Reads the changes of views from the engine by itself: one TAIL a view, without pipelines.

Each view has a connection with a cursor over its TAIL. Rows go through the same cutter as those of
a pipeline, and deltas into the hub as if they were posted. The epoch of a TAIL is proved as
`tail_view.py` proves it: looked up before the TAIL, and again when it has begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from server.flusher import now
from server.hub.hub import Hub
from server.hub.post_check import Outcome
from server.upstream.database import Database
from server.upstream.errors import EngineAwayError, EngineError, unexpected_errors
from server.upstream.reader import Reader
from viewstream.backoff import Backoff
from viewstream.beginning import Beginning
from viewstream.cutter import parse_tail_time
from viewstream.deltas import Deltas
from viewstream.protocol import MAX_TIME, Delta, Position, ProtocolError, Row
from viewstream.relation import Relation, is_unknown_relation

log = logging.getLogger("server")

FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0
"""Bounds, in seconds, of the growing random delay before a TAIL is started again."""
SETTLED = 30.0
"""Seconds after which a TAIL counts as one that worked: delays begin short again."""
ROWS_AT_ONCE = 2_000
"""Rows of one FETCH: some milliseconds of work in one turn of the event loop."""
PROGRESS_EVERY = 1.0
"""Seconds after which the hub gets an empty delta if nothing changes: each is sent to all clients,
and some engines close ten times a second."""
STARTS_AT_ONCE = 8
"""TAILs that are being started at a time: more would only queue in the engine."""
GAP_PAUSE = 0.5
"""Seconds to wait before a delta above the head is offered again: see `Limits.gap_patience`."""
ENDED_PAUSE = 1.0
"""Seconds between two looks at the epoch of a view that can no longer change."""
NOT_BEGUN = "the TAIL has not begun yet"

Offer: TypeAlias = Callable[[Delta], Awaitable[Outcome]]


class EpochEndedError(Exception):
    """The engine or the view was replaced while it was tailed."""


class Tailer:
    """Runs `tasks` until `stop`, one for each of `views`; `offer` gives the hub a delta."""

    def __init__(
        self,
        views: Iterable[str],
        hub: Hub,
        database: Database,
        reader: Reader,
        offer: Offer,
        *,
        first_delay: float = FIRST_DELAY,
    ) -> None:
        self._hub = hub
        self._database = database
        self._reader = reader
        self._offer = offer
        self._first_delay = first_delay
        self.details: dict[str, str] = {}
        """As the poller's: of the last failure of each view's TAIL."""
        self._may_start = asyncio.Semaphore(STARTS_AT_ONCE)
        self._loop = asyncio.get_running_loop()
        self.tasks: list[asyncio.Task[None]] = []
        for view in views:
            self.add_view(view)

    def add_view(self, view: str) -> None:
        """Tail one more view."""
        self.tasks.append(self._loop.create_task(self._follow(view)))

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _follow(self, view: str) -> None:
        """Tail a view for ever."""
        clock = self._loop.time
        backoff = Backoff(self._first_delay, LONGEST_DELAY)
        self._hub.questions.note_tail(view, NOT_BEGUN)
        while True:
            began = clock()
            try:
                with unexpected_errors(EpochEndedError, ProtocolError):
                    await self._tail(view)
            except EpochEndedError:
                self._hub.questions.note_tail(view, NOT_BEGUN)
            except EngineError as error:
                self.details[view] = error.detail
                self._hub.questions.note_tail(view, str(error))
            except ProtocolError as error:
                self._hub.questions.note_tail(view, f"the TAIL makes no sense: {error}")
            if clock() - began > SETTLED:
                backoff.reset()
            await asyncio.sleep(backoff.next_delay())

    async def _tail(self, view: str) -> None:
        """Tail a view as long as its epoch lasts.

        Raises EpochEndedError, EngineError, and ProtocolError for rows that are not a TAIL's.
        """
        relation = await self._reader.relation(view)
        frontier = self._head_in(relation.epoch, view)
        if frontier != MAX_TIME:
            await self._tail_from(frontier, view, relation)
        self._hub.questions.note_tail(view, None)
        await self._until_replaced(view, relation.epoch)

    async def _until_replaced(self, view: str, epoch: str) -> None:
        while True:
            await asyncio.sleep(ENDED_PAUSE)
            if self._hub.report(view, now()).epoch != epoch:
                return

    def _head_in(self, epoch: str, view: str) -> int | None:
        """The head of the hub's log, if that is of this epoch."""
        report = self._hub.report(view, now())
        return report.head if report.epoch == epoch else None

    async def _tail_from(self, frontier: int | None, view: str, relation: Relation) -> None:
        """Tail until the view can no longer change; from the present if it cannot be resumed."""
        offset = (await self._reader.dialect()).progress_offset
        stream = TailStream(view, relation.epoch, frontier, offset)
        try:
            await self._read_tail(stream, view, relation, frontier)
        except EngineAwayError:
            raise
        except EngineError as error:
            is_refusal = not stream.has_begun and not is_unknown_relation(error.detail)
            if frontier is None or not is_refusal:
                raise
            position = Position(relation.epoch, frontier)
            log.info("cannot resume %s at %s (%s): from the present", view, position, error.detail)
            await self._tail_from(None, view, relation)

    async def _read_tail(
        self, stream: TailStream, view: str, relation: Relation, frontier: int | None
    ) -> None:
        dialect = await self._reader.dialect()
        tail = dialect.tail_statement(relation, as_of=None if frontier is None else frontier - 1)
        async with contextlib.AsyncExitStack() as stack:
            async with self._may_start:
                cursor = await stack.enter_async_context(self._database.declare(tail))
            rows = None
            while rows is None:
                rows = await cursor.fetch(ROWS_AT_ONCE, PROGRESS_EVERY)
            stream.has_begun = True
            if await self._reader.relation(view) != relation:
                raise EpochEndedError
            self._hub.questions.note_tail(view, None)
            clock, delivered_at = self._loop.time, 0.0
            while rows or rows is None:
                stream.add(rows or [])
                if stream.has_closed or clock() - delivered_at >= PROGRESS_EVERY:
                    delivered_at = clock()
                    for delta in stream.take():
                        await self._deliver(delta)
                rows = await cursor.fetch(ROWS_AT_ONCE, PROGRESS_EVERY)
            stream.end()
            for delta in stream.take():
                await self._deliver(delta)

    async def _deliver(self, delta: Delta) -> None:
        """Give the hub a delta, and wait until it has taken it."""
        outcome = await self._offer(delta)
        while outcome is Outcome.GAP:
            await asyncio.sleep(GAP_PAUSE)
            outcome = await self._offer(delta)
        if outcome is Outcome.ENDED:
            raise EpochEndedError
        if outcome is Outcome.REFUSED:
            raise ProtocolError(self._hub.why_refused(delta.view))
        if outcome in (Outcome.UNKNOWN, Outcome.AHEAD):
            failure = self._hub.report(delta.view, now()).failure
            raise EngineAwayError(failure or "the engine does not answer")


class TailStream:
    """Turns the rows of a TAIL into deltas, from `frontier` on or from where the TAIL begins."""

    def __init__(self, view: str, epoch: str, frontier: int | None, progress_offset: int) -> None:
        self.has_begun = False
        """Whether the engine has accepted the TAIL."""
        self._view = view
        self._epoch = epoch
        self._beginning = Beginning(frontier, progress_offset, _read_row)
        self._deltas: Deltas | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows. Raises ProtocolError."""
        if not self._beginning.is_passed:
            rows = self._beginning.take(list(rows))
        if self._deltas is None:
            if self._beginning.frontier is None:
                return
            self._deltas = Deltas(self._view, self._epoch, self._beginning.frontier)
        self._deltas.add_rows(rows)

    @property
    def has_closed(self) -> bool:
        """Whether a time with updates is closed."""
        return self._deltas is not None and self._deltas.has_closed

    def take(self) -> list[Delta]:
        """Take the closed times: one delta, and another one above each time that is too large.

        Returns none while it is not known where the TAIL begins.
        """
        if self._deltas is None:
            return []
        taken = [self._deltas.take()]
        while (more := self._deltas.take()).upper > taken[-1].upper:
            taken.append(more)
        return taken

    def end(self) -> None:
        """Close all times: the view can no longer change."""
        if self._deltas is None:
            lower = MAX_TIME if self._beginning.frontier is None else self._beginning.frontier
            self._deltas = Deltas(self._view, self._epoch, lower)
        self._deltas.end()


def _read_row(row: Row) -> tuple[int, bool]:
    """The time of a row, and whether it is progress."""
    return parse_tail_time(row[0] or ""), row[1] == "t"
