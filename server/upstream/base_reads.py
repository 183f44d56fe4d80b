"""Reads the bases that the hub wants, and passes them to it.

Each view has a task, and each part has one while a base of it is wanted: so a long read of rows
delays neither epochs, which `poller.py` asks for, nor other views.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from server.flusher import now
from server.hub.engine_answer import EngineAnswer, ReadBase
from server.hub.hub import Hub
from server.metrics import Metrics
from server.upstream.errors import EngineError, TooMuchError, UnknownPartError
from server.upstream.reader import Reader, encode_base
from viewstream.backoff import Backoff

FIRST_DELAY, LONGEST_DELAY = 0.1, 1.0
"""Bounds, in seconds, of the growing random delay after a base, which may fit no client. The engine
is asked at most about twice a second and view, whatever clients do."""
LONGEST_REST = 300.0
"""Seconds. A view that is too much to be read is read again after as long as that took, then after
twice as long each time, up to this; or at once when it was replaced."""


class BaseReads:
    """Runs `tasks` until `stop`. `answered` is notified after each read, `on_failure` called."""

    def __init__(
        self,
        hub: Hub,
        reader: Reader,
        metrics: Metrics,
        answered: asyncio.Condition,
        on_failure: Callable[[str, EngineError], None],
        *,
        compress_from: int | None,
        reads_at_once: int,
    ) -> None:
        self._hub = hub
        self._questions = hub.questions
        self._reader = reader
        self._metrics = metrics
        self._answered = answered
        self._on_failure = on_failure
        self._compress_from = compress_from
        self._may_read = asyncio.Semaphore(reads_at_once)
        self._wanted: dict[str, asyncio.Event] = {}
        self._of_parts: dict[str, asyncio.Task[None]] = {}
        self._failure: asyncio.Queue[Exception] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self.tasks = [self._loop.create_task(self._fail_with_parts())]

    def add_view(self, view: str) -> None:
        """Read bases of one more view of the hub, too."""
        self._wanted[view] = asyncio.Event()
        self.tasks.append(self._loop.create_task(self._read_view(view)))

    def start(self, view: str) -> None:
        """Read a base of the view or part: the hub wants one."""
        if view in self._wanted:
            self._wanted[view].set()
        elif view not in self._of_parts:
            self._of_parts[view] = self._loop.create_task(self._read_part(view))

    async def stop(self) -> None:
        tasks = [*self.tasks, *self._of_parts.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_view(self, view: str) -> None:
        rests = _Rests()
        while True:
            await self._read_while_wanted(view, view, rests)
            await self._wanted[view].wait()
            self._wanted[view].clear()

    async def _read_part(self, part: str) -> None:
        try:
            await self._read_while_wanted(part, self._questions.name_of(part).view, _Rests())
        except Exception as error:  # noqa: BLE001 -- `_fail_with_parts` raises it
            self._failure.put_nowait(error)
        finally:
            del self._of_parts[part]

    async def _fail_with_parts(self) -> None:
        """Fail as soon as a task of a part has failed."""
        raise await self._failure.get()

    async def _read_while_wanted(self, name: str, view: str, rests: _Rests) -> None:
        """Read bases of a view, or of a part of `view`, until the hub wants none."""
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        while self._questions.wants_base(name):
            async with self._may_read:
                began = self._loop.time()
                is_wanted = self._questions.wants_base(name)  # a part may have been closed
                is_too_much = is_wanted and await self._read(name)
                took = self._loop.time() - began
            async with self._answered:
                self._answered.notify_all()
            if is_too_much:
                await self._wait_for_another_epoch(view, rests.next(took))
            else:
                rests.reset()
                await asyncio.sleep(backoff.next_delay())

    async def _wait_for_another_epoch(self, view: str, seconds: float) -> None:
        """Wait until the view was replaced: a smaller one can be read. At most for so long."""
        epoch = self._hub.report(view, now()).epoch
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._answered:
                await self._answered.wait_for(lambda: self._hub.report(view, now()).epoch != epoch)

    async def _read(self, view: str) -> bool:
        """Read a base for the hub; return whether the view is too much to be read."""
        name, began = self._questions.name_of(view), now()
        question = self._questions.ask(view, for_base=True)
        try:
            reading = await self._reader.base(name)
            base = await encode_base(view, reading, self._compress_from)
        except UnknownPartError as error:
            self._questions.refuse_part(view, str(error))
            return False
        except EngineError as error:
            self._on_failure(view, error)
            self._metrics.on_base_failed(name.view)
            return isinstance(error, TooMuchError)
        read = ReadBase(
            reading.upper,
            reading.rows.checksum,
            base.message,
            question.number,
            now(),
            base.is_weighted,
            base.expanded,
            base.layout,
            tuple(column.name for column in reading.columns),
        )
        self._metrics.on_base_read(name.view, (now() - began) / 1000)
        self._questions.take_answer(view, EngineAnswer(question, reading.epoch, now(), read))
        return False


class _Rests:
    """The rests between reads of one view that is too much to be read."""

    def __init__(self) -> None:
        self._last = 0.0

    def next(self, took: float) -> float:
        self._last = min(max(2 * self._last, took, LONGEST_DELAY), LONGEST_REST)
        return self._last

    def reset(self) -> None:
        self._last = 0.0
