"""The server's clock, and the flusher that gives the hub its turns of the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from server.framing import Message
from server.hub.hub import Hub

SHORTEST_WAIT = 0.0003
"""Seconds below which a wait is not worth a timer, which is as exact as a millisecond."""
GATHER = 0.002
"""Seconds, at most, that the first delta of a burst waits while others keep coming."""
PAUSE = 0.8
"""The pause after a flush, as a part of its length: each tenth costs deltas that come all the time
about 4 % of latency, and saves as much of the sends."""
LONGEST_PAUSE = 0.02
"""Seconds, at most, between two flushes: a burst to many clients must not delay the next one."""
ADMISSION_SLICE = 0.005
"""Seconds that one turn of the event loop serves queued listeners before other work gets a turn."""


def now() -> int:
    """Milliseconds of a monotonic clock."""
    return time.monotonic_ns() // 1_000_000


class Flusher:
    """Flushes the hub once for all deltas that come together, and serves its queue.

    `on_sent` gets each view whose deltas were sent, and its frontier after them. `read_ready` reads
    from connections that have something to read.

    A delta is sent once that has brought no other: all that has come by then shares its write,
    which costs as much for one as for all. After a flush comes a pause. When deltas come faster
    than they can be sent, several of them share one write, and other work keeps its part of the
    event loop.
    """

    def __init__(
        self, hub: Hub, on_sent: Callable[[str, int], None], read_ready: Callable[[], None]
    ) -> None:
        self._hub = hub
        self._on_sent = on_sent
        self._read_ready = read_ready
        self._loop = asyncio.get_running_loop()
        self._is_flush_scheduled = False
        self._is_admit_scheduled = False
        self._pause_until = 0.0
        self._gather_until = 0.0
        self._has_news = False
        """Whether there has been work since connections were last read."""
        self._compressing: asyncio.Task[None] | None = None
        self._pace_timer: asyncio.TimerHandle | None = None

    def on_work(self) -> None:
        """Schedule what the hub has to do; called by the hub."""
        self._has_news = True
        if not self._is_flush_scheduled:
            self._is_flush_scheduled = True
            at = self._loop.time()
            self._gather_until = at + GATHER
            if self._pause_until - at < SHORTEST_WAIT:
                self._loop.call_soon(self._gather)
            else:
                # Sockets are read before timers are called: what has come is in the flush.
                self._loop.call_at(self._pause_until, self._flush)
        if not self._is_admit_scheduled and self._hub.has_queue:
            self._is_admit_scheduled = True
            self._loop.call_soon(self._admit)

    def _gather(self) -> None:
        """Flush, once reading brings nothing more."""
        while self._has_news and self._loop.time() < self._gather_until:
            self._has_news = False
            self._read_ready()
        self._flush()

    def _flush(self) -> None:
        self._is_flush_scheduled = False
        if self._compressing is None and (large := self._hub.uncompressed()):
            self._compressing = self._loop.create_task(self._compress(large))
        if self._hub.has_pending:
            begin = self._loop.time()
            moved = self._hub.flush()
            end = self._loop.time()
            self._pause_until = end + min((end - begin) * PAUSE, LONGEST_PAUSE)
            for view, frontier in moved:
                self._on_sent(view, frontier)
            self._flush_paced()

    def _flush_paced(self) -> None:
        """Flush for the clients with a pace what is due, and set a timer for the rest."""
        if self._pace_timer is not None:
            self._pace_timer.cancel()
            self._pace_timer = None
        due = self._hub.flush_paced(round(1000 * self._loop.time()))
        if due is not None:
            self._pace_timer = self._loop.call_at(due / 1000, self._flush_paced)

    async def _compress(self, large: list[Message]) -> None:
        """Compress in a worker thread (zlib releases the GIL). Flushes of these views wait."""
        for message in large:
            await asyncio.to_thread(message.compress)
        self._compressing = None
        self.on_work()

    def _admit(self) -> None:
        self._is_admit_scheduled = False
        until = self._loop.time() + ADMISSION_SLICE
        while self._hub.admit(now()):
            if self._loop.time() > until:
                self._is_admit_scheduled = True
                self._loop.call_soon(self._admit)
                return
