"""Reads new lines of files every few milliseconds, and closes time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator

from engine.coordinator.housekeeping import Housekeeping
from engine.coordinator.runtime import Runtime
from engine.coordinator.source import Source
from engine.errors import SqlError
from engine.sources import Slice
from engine.storage import StoreError
from engine.zset import Appended, Portion

_logger = logging.getLogger(__name__)

SOON = 0.004
"""Seconds until files are looked at again after something was there."""

_PAUSED = 0.001
"""The same while another tick goes on, or a write."""

_AFTER_A_DEFECT = 1.0

IDLE = 0.008
"""The same while nothing comes; a look costs a few microseconds for each file."""

_READ_BYTES = 256 * 1024
"""Bytes that are read and processed at once: so few that they stay in the processor's cache."""
_MOST_ROWS = 32_768
"""Rows after which nothing more is read at one time: what follows is processed at once, too."""
_LONG = 0.05
"""Seconds of work after which the same holds."""


class Ticker:
    """Takes a turn of the loop every few milliseconds, to read what is new.

    What is read gets a time of its own at once; when nothing is, time is closed every `tick`
    milliseconds all the same, and progress rows are sent.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._housekeeping = Housekeeping(runtime)
        self._beat = runtime.options.tick / 1000
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
        delay = _PAUSED
        try:
            if not self._runtime.ticks.is_paused:
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
        began = time.perf_counter()
        news = [source for source in self._runtime.sources if self._has_news(source)]
        beat = began >= self._next_beat
        # Before anything is read: if the store cannot promise the time, no line may be lost.
        tick_time = self._runtime.timeline.next() if beat or news else 0
        if beat:
            self._next_beat = max(self._next_beat + self._beat, began)
            self._housekeeping.run()
        reading = _Reading(self._runtime, news)
        if beat or news:
            self._runtime.ticks.tick_briefly(reading, time=tick_time, progress=beat)
        if reading.has_failed:
            return _AFTER_A_DEFECT
        if reading.has_more:
            return 0
        left = self._next_beat - time.perf_counter()
        return max(0, min(left, SOON if news else IDLE if self._runtime.sources else self._beat))

    def _has_news(self, source: Source) -> bool:
        if not source.is_read:
            source.rest()
            return False
        try:
            return source.has_news()
        except (OSError, SqlError) as error:
            _logger.warning("cannot look at the file of %s: %s", source.name, error)
            return False


class _Reading:
    """Reads new lines of files, the next portion when a tick has processed the last one.

    The sources come in turns, so that a large file delays no other. All that is read has one time:
    rows of one group that come in it are one change of the group.
    """

    def __init__(self, runtime: Runtime, news: Iterable[Source]) -> None:
        self.has_failed = False
        """Whether a file could not be read; nothing that was read is lost."""
        self._runtime = runtime
        self._waiting = deque(source for source in news if source.live is not None)

    @property
    def has_more(self) -> bool:
        """Whether there may be more to read."""
        return bool(self._waiting)

    def __iter__(self) -> Iterator[Portion]:
        began, rows, first = time.thread_time(), 0, len(self._waiting)
        while self._waiting and (
            first > 0 or (rows < _MOST_ROWS and time.thread_time() - began < _LONG)
        ):
            first -= 1
            source = self._waiting.popleft()
            read = self._read(source)
            if len(read):
                rows += len(read)
                yield {source.id: read}

    def _read(self, source: Source) -> Appended:
        """Read a portion; a source from which more may follow waits for its next turn."""
        if source.live is None:
            return Slice().rows  # it was dropped while the event loop ran
        try:
            slice = source.read_live(_READ_BYTES)
        except OSError as error:
            _logger.warning("cannot read the file of %s: %s", source.name, error)
            self.has_failed = True
            return Slice().rows
        if slice.size == _READ_BYTES:
            self._waiting.append(source)
        self._runtime.publish_errors(source)
        return slice.rows
