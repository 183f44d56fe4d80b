"""Asks the engine what the hub wants to know, and hands it the answers.

For each view there are two loops, so that a long read of the rows does not keep a POST waiting: one
reads bases when the hub wants one, the other asks for the epoch every few seconds, and at once
when a POST or a client brings one that the hub does not have.
"""

from __future__ import annotations

import asyncio
import contextlib

from server.flusher import now
from server.hub.history import ReadBase
from server.hub.hub import Hub
from server.metrics import Metrics
from server.upstream.database import EngineError
from server.upstream.encoding import encode_base
from server.upstream.reader import Reader

FIRST_REST = 0.05
"""Seconds from one read of a view to the next, if the first one fits nobody; doubles."""
LONGEST_REST = 1.0


class _Ward:
    """What the loops of one view share with those who wait for an answer."""

    def __init__(self) -> None:
        self.base_wanted = asyncio.Event()
        self.epoch_wanted = asyncio.Event()
        self.answered = asyncio.Condition()


class Poller:
    def __init__(
        self,
        reader: Reader,
        metrics: Metrics,
        *,
        compress_from: int | None,
        epoch_every: float,
    ) -> None:
        self._reader = reader
        self._metrics = metrics
        self._compress_from = compress_from
        self._epoch_every = epoch_every
        self._wards: dict[str, _Ward] = {}
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs for ever: one that ends has failed."""
        return self._tasks

    def start(self, hub: Hub) -> None:
        self._hub = hub
        for view in hub.names:
            ward = self._wards[view] = _Ward()
            self._tasks.append(asyncio.create_task(self._keep_base(hub, view, ward)))
            self._tasks.append(asyncio.create_task(self._keep_epoch(hub, view, ward)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def on_question(self, view: str) -> None:
        """Note what the hub needs to know about the view."""
        ward = self._wards[view]
        if self._hub.wants_base(view):
            ward.base_wanted.set()
        if self._hub.wants_epoch(view):
            ward.epoch_wanted.set()

    async def settle(self, view: str, asked: int) -> bool:
        """Wait until a question later than number `asked` is answered; False if that failed."""
        hub, ward = self._hub, self._wards[view]
        hub.request_epoch(view)
        async with ward.answered:
            while not hub.is_settled(view, asked):
                failures = hub.failures(view)
                await ward.answered.wait()
                if hub.failures(view) != failures and not hub.is_settled(view, asked):
                    return False
        return True

    async def _keep_base(self, hub: Hub, view: str, ward: _Ward) -> None:
        rest = FIRST_REST
        while True:
            while not hub.wants_base(view):
                rest = FIRST_REST
                ward.base_wanted.clear()
                await ward.base_wanted.wait()
            await self._read_base(hub, view)
            await _notify(ward)
            await asyncio.sleep(rest)
            rest = min(2 * rest, LONGEST_REST)

    async def _read_base(self, hub: Hub, view: str) -> None:
        question = hub.ask(view, for_base=True)
        try:
            reading = await self._reader.base(view)
        except EngineError as error:
            hub.take_failure(view, str(error), now(), for_base=True)
            return
        message = await encode_base(view, reading, self._compress_from)
        base = ReadBase(reading.upper, reading.checksum, message, question.number, now())
        self._metrics.base_reads.labels(view).inc()
        hub.take_answer(view, question, reading.epoch, base, now())

    async def _keep_epoch(self, hub: Hub, view: str, ward: _Ward) -> None:
        while True:
            ward.epoch_wanted.clear()
            question = hub.ask(view, for_base=False)
            try:
                epoch = await self._reader.epoch(view)
            except EngineError as error:
                hub.take_failure(view, str(error), now(), for_base=False)
            else:
                if not hub.take_answer(view, question, epoch, None, now()):
                    continue
            await _notify(ward)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ward.epoch_wanted.wait(), self._epoch_every)


async def _notify(ward: _Ward) -> None:
    async with ward.answered:
        ward.answered.notify_all()
