"""Reads new lines of files every few milliseconds, and closes time."""

from __future__ import annotations

import asyncio
import logging
import time

from engine.coordinator.housekeeping import Housekeeping
from engine.coordinator.runtime import Runtime
from engine.coordinator.source import Source
from engine.errors import SqlError
from engine.storage import StoreError
from engine.zset import Portion

_logger = logging.getLogger(__name__)

SOON = 0.004
"""Seconds until files are looked at again after something was there."""

_AFTER_A_DEFECT = 1.0

IDLE = 0.008
"""The same while nothing comes; a look costs a few microseconds for each file."""

_TURN_MOST = 4 * 1024 * 1024
_TURN_FIRST = 256 * 1024
_TURN_LEAST = 16 * 1024
_READ_BYTES = 256 * 1024
"""Bytes that are read and cut at once: so few that they are still in the processor's cache then."""
_TURN_ROWS = 8192
"""Rows of a source after which a turn reads no more of it."""
_TURN_LONG = 0.012
"""Seconds of work; a turn that took more is followed by one that reads less."""


class Ticker:
    """Takes a turn of the loop every few milliseconds: reads at most so much that it stays short.

    What is read gets a time of its own at once; when nothing is, time is closed every `tick`
    milliseconds all the same, and progress rows are sent.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._housekeeping = Housekeeping(runtime)
        self._beat = runtime.options.tick / 1000
        self._most = _TURN_FIRST
        """Bytes that a turn reads at most."""
        self._next_beat = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._schedule(0)

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._housekeeping.settle()

    def _schedule(self, delay: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay, self._turn)

    def _turn(self) -> None:
        delay = SOON
        try:
            if not self._runtime.is_paused:
                delay = self._read_and_tick()
        except StoreError:
            # The store has logged it; no time can be assigned until it can be written again.
            delay = _AFTER_A_DEFECT
        except Exception:
            # A defect; a tick that is logged and retried is better than an engine that stops.
            _logger.exception("a tick failed")
            delay = _AFTER_A_DEFECT
        self._schedule(delay)

    def _read_and_tick(self) -> float:
        """One turn; returns the seconds until the next."""
        began, worked = time.perf_counter(), time.thread_time()
        news = [source for source in self._runtime.sources if self._has_news(source)]
        portions: list[Portion] = []
        beat = began >= self._next_beat
        # Before anything is read: if the store cannot promise the time, no line may be lost.
        tick_time = self._runtime.timeline.next() if beat or news else 0
        more = False
        for source in news:
            if source.live is not None:
                more |= self._read(source, self._most // len(news), portions)
                self._runtime.publish_errors(source)
        if beat:
            self._next_beat = max(self._next_beat + self._beat, began)
            self._housekeeping.run()
        if beat or news:
            self._runtime.tick_briefly(portions, time=tick_time, progress=beat)
        if more:
            self._adapt(time.thread_time() - worked)
            return 0
        left = self._next_beat - time.perf_counter()
        return max(0, min(left, SOON if news else IDLE if self._runtime.sources else self._beat))

    def _read(self, source: Source, most: int, portions: list[Portion]) -> bool:
        """Add up to `most` bytes of what is new to `portions`; returns whether there may be more.

        All of a turn has one time: rows of one group that come in it are one change of the group.
        """
        size = rows = 0
        while size < most and rows < _TURN_ROWS:
            asked = min(_READ_BYTES, most - size)
            slice = source.read_live(asked)
            if slice.rows:
                portions.append({source.id: slice.rows})
            if slice.size < asked:
                return False
            size += slice.size
            rows += len(slice.rows)
        return True

    def _has_news(self, source: Source) -> bool:
        if not source.is_read:
            source.rest()
            return False
        try:
            return source.has_news()
        except (OSError, SqlError) as error:
            _logger.warning("cannot look at the file of %s: %s", source.name, error)
            return False

    def _adapt(self, took: float) -> None:
        if took > _TURN_LONG:
            self._most = max(_TURN_LEAST, self._most // 2)
        elif took < _TURN_LONG / 2:
            self._most = min(_TURN_MOST, self._most * 2)
