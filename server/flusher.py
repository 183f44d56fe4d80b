"""The clock of the server, and the flusher that carries the hub's work into the loop's turns."""

from __future__ import annotations

import asyncio
import time

from server.framing import Message
from server.hub.hub import Hub

ADMISSION_SLICE = 0.005
"""Seconds for which one turn of the loop goes on serving those who wait; then others come first."""


def now() -> int:
    """Milliseconds of a clock that only goes forward."""
    return time.monotonic_ns() // 1_000_000


class Flusher:
    """Flushes the hub once for all deltas that came in one turn of the loop, and admits clients.

    A flush that took long is followed by a rest as long: when deltas come faster than they can
    be sent, they go out several in one write, and other work keeps half of the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._hub: Hub | None = None
        self._flush_due = False
        self._admit_due = False
        self._rest_until = 0.0
        self._compressing: asyncio.Task[None] | None = None

    def start(self, hub: Hub) -> None:
        self._hub = hub

    def on_work(self) -> None:
        """The hub has something to do."""
        if not self._flush_due:
            self._flush_due = True
            wait = self._rest_until - self._loop.time()
            if wait <= 0:
                self._loop.call_soon(self._flush)
            else:
                self._loop.call_later(wait, self._flush)
        if not self._admit_due:
            self._admit_due = True
            self._loop.call_soon(self._admit)

    def _flush(self) -> None:
        assert self._hub is not None
        self._flush_due = False
        if self._compressing is None and (large := self._hub.uncompressed()):
            self._compressing = asyncio.create_task(self._compress(large))
        if self._hub.has_pending:
            begin = self._loop.time()
            self._hub.flush()
            end = self._loop.time()
            self._rest_until = end + (end - begin)

    async def _compress(self, large: list[Message]) -> None:
        """Compress in a worker thread (zlib releases the GIL); these views wait to be flushed."""
        for message in large:
            await asyncio.to_thread(message.compress)
        self._compressing = None
        self.on_work()

    def _admit(self) -> None:
        assert self._hub is not None
        self._admit_due = False
        until = self._loop.time() + ADMISSION_SLICE
        while self._hub.admit(now()):
            if self._loop.time() > until:
                self._admit_due = True
                self._loop.call_soon(self._admit)
                return
