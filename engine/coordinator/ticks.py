"""Gives changes a time, processes them in slices, and closes the time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import count
from time import perf_counter

from engine.coordinator.collection import Collection, Table
from engine.coordinator.graph import Graph, pieces_of
from engine.coordinator.hydration import Pacer
from engine.coordinator.source import Source
from engine.coordinator.system import SystemRelations
from engine.coordinator.timeline import ReservedTimeline
from engine.errors import SqlError
from engine.zset import Change, Portion, as_zset

_BRIEFLY = 0.012
"""Seconds that a tick may take before the event loop runs again."""


class Ticks:
    """Processes the changes of tables and sources, one time after the other.

    `collections` and `sources` are the runtime's own; `wake` is called with the ids of what has
    changed by the end of a tick.
    """

    def __init__(
        self,
        timeline: ReservedTimeline,
        graph: Graph,
        pacer: Pacer,
        system: SystemRelations,
        collections: Mapping[str, Collection],
        sources: Iterable[Source],
        wake: Callable[[set[str], bool], None],
    ) -> None:
        self._timeline = timeline
        self._graph = graph
        self._pacer = pacer
        self._system = system
        self._collections = collections
        self._sources = sources
        self._wake = wake
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._still = asyncio.Lock()
        self._rest: asyncio.Task[None] | None = None

    def tick(self, changes: Mapping[str, Change]) -> None:
        """Give `changes` of tables one time, and close it."""
        for _ in self._slices(changes, (), self._timeline.next(), False):
            pass

    async def tick_in_slices(self, changes: Mapping[str, Change], time: int) -> None:
        """Do the same while the event loop runs; the caller is within `reserved_time`."""
        await self._finish(self._slices(changes, (), time, False))

    def tick_briefly(self, portions: Iterable[Portion], *, time: int, progress: bool) -> None:
        """Give what is read from sources one time, and close it.

        Each portion is processed when it is taken from `portions`. What takes more than some
        milliseconds is left to a task.
        """
        slices = self._slices({}, portions, time, progress)
        end = perf_counter() + _BRIEFLY
        for _ in slices:
            if perf_counter() > end:
                self._rest = asyncio.create_task(self._finish(slices))
                break

    def _slices(
        self, changes: Portion, portions: Iterable[Portion], time: int, progress: bool
    ) -> Iterator[None]:
        changed: set[str] = set()
        yield from self._advance(changes, portions, time, changed)
        if self._system.has_pending:
            # The errors of views: mz_evaluation_errors must not be behind them.
            yield from self._advance({}, (), self._timeline.next(), changed)
        self._wake(changed, progress)
        while self._waiters and self._waiters[0][0] < self._graph.upper:
            _, _, future = heapq.heappop(self._waiters)
            if not future.done():
                future.set_result(None)

    def _advance(
        self, changes: Portion, portions: Iterable[Portion], time: int, changed: set[str]
    ) -> Iterator[None]:
        """Give the changes a time and close it, in slices; adds to `changed` what has changed."""
        assert not self._graph.is_advancing
        changes = {**changes, **self._system.drain()}
        yield from self._store(changes, time)
        yield from self._graph.advance(time, self._stamped(changes, portions, time), changed)

    def _store(self, changes: Portion, time: int) -> Iterator[None]:
        """Add the changes of tables to their histories."""
        for id, change in changes.items():
            table = self._collections.get(id)
            if isinstance(table, Table):
                for piece in pieces_of(as_zset(change)):
                    table.history.append(time, piece)
                    yield

    def _stamped(
        self, changes: Portion, portions: Iterable[Portion], time: int
    ) -> Iterator[Portion]:
        """Yield all that comes at a time; afterwards the sources know where the time ends."""
        yield changes
        yield from portions
        if errors := self._system.drain():
            # Of the lines that the portions were read from.
            for _ in self._store(errors, time):
                pass
            yield errors
        for source in self._sources:
            source.stamp(time)

    async def _finish(self, slices: Iterator[None]) -> None:
        async with self._pacer:
            for _ in slices:
                await self._pacer.breathe()

    @property
    def _is_ticking(self) -> bool:
        """Whether a tick goes on that `tick_briefly` left to a task."""
        return self._rest is not None and not self._rest.done()

    @property
    def is_paused(self) -> bool:
        """Whether no tick may begin now."""
        return self._still.locked() or self._is_ticking

    async def settled(self) -> None:
        """Wait until no tick goes on that was left to a task."""
        while self._is_ticking:
            assert self._rest is not None
            await asyncio.wait([self._rest])

    @asynccontextmanager
    async def stillness(self) -> AsyncIterator[None]:
        """Let the ticker begin no tick; the one that goes on is finished first."""
        async with self._still:
            await self.settled()
            yield

    @asynccontextmanager
    async def reserved_time(self) -> AsyncIterator[int]:
        """A time that is taken and not closed; no other tick happens until it is closed."""
        async with self.stillness():
            yield self._timeline.next()

    async def closed(self, time: int) -> None:
        """Wait until `time` is closed."""
        if time < self._graph.upper:
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (time, next(self._numbers), future))
        await future

    async def stop(self, error: SqlError) -> None:
        """End the tick that goes on; all that wait for a time get the error."""
        if self._rest is not None:
            self._rest.cancel()
            await asyncio.gather(self._rest, return_exceptions=True)
        for _, _, future in self._waiters:
            if not future.done():
                future.set_exception(error)
