"""Polls the engine for epochs and bases, and passes them to the hub.

One task asks for the epochs of all views with one query: every few seconds, and at once for a view
of which a POST or a client brings an epoch that the hub does not have. Each view has a task that
reads a base when the hub wants one. So a long read of rows delays neither epochs nor other views.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any

from server.flusher import now
from server.hub.engine_answer import EngineAnswer, EngineFailure, ReadBase
from server.hub.hub import Hub
from server.hub.post_check import Outcome
from server.metrics import Metrics
from server.upstream.errors import EngineError, TooMuchError, UnknownPartError, UnknownViewError
from server.upstream.reader import Reader, encode_base
from viewstream.backoff import Backoff
from viewstream.protocol import MAX_TIME, Delta

EPOCH_EVERY = 3.0
"""Seconds between two queries for the epochs: how long rows of a replaced view can be shown."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Bounds, in seconds, of the growing random pause after a base that fits nobody, and after a query
that failed. The engine is asked at most about twice a second and view, whatever clients do."""

LONGEST_REST = 300.0
"""Seconds. A view that is too much to be read is read again after as long as that took, then after
twice as long each time, up to this; or at once when it was replaced."""


class Poller:
    """Runs `tasks` until `stop`; `on_question` is the hub's callback."""

    def __init__(
        self,
        hub: Hub,
        reader: Reader,
        metrics: Metrics,
        *,
        compress_from: int | None,
        reads_at_once: int,
        epoch_every: float = EPOCH_EVERY,
    ) -> None:
        self._hub = hub
        self._questions = hub.questions
        self._reader = reader
        self._metrics = metrics
        self._compress_from = compress_from
        self._epoch_every = epoch_every
        self._may_read = asyncio.Semaphore(reads_at_once)
        self.details: dict[str, str] = {}
        """The engine's own words about the last failure of each view, for the log."""
        self._base_wanted: dict[str, asyncio.Event] = {}
        self._part_reads: dict[str, asyncio.Task[None]] = {}
        """The tasks that read bases of parts, each only as long as one is wanted."""
        self._failure: asyncio.Queue[Exception] = asyncio.Queue()
        self._epochs_wanted = asyncio.Event()
        self._answered = asyncio.Condition()
        self._loop = asyncio.get_running_loop()
        self.tasks = [
            self._loop.create_task(self._poll_epochs()),
            self._loop.create_task(self._fail_with_parts()),
        ]
        for view in hub.names:
            self.add_view(view)

    def add_view(self, view: str) -> None:
        """Poll one more view of the hub."""
        self._base_wanted[view] = asyncio.Event()
        self.tasks.append(self._loop.create_task(self._poll_bases(view)))

    async def stop(self) -> None:
        tasks = [*self.tasks, *self._part_reads.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def on_question(self, view: str) -> None:
        """Wake the task that asks what the hub needs to know about the view or part."""
        if self._questions.wants_base(view):
            if view in self._base_wanted:
                self._base_wanted[view].set()
            elif view not in self._part_reads:
                self._part_reads[view] = self._loop.create_task(self._read_part(view))
        if self._questions.wants_epoch(view):
            self._epochs_wanted.set()

    def offer_or_ask(self, delta: Delta) -> Outcome | Coroutine[Any, Any, Outcome]:
        """Give the hub a delta; return a coroutine if the engine has to be asked first.

        UNKNOWN and AHEAD mean that the engine did not answer.
        """
        asked = self._questions.last(delta.view)
        outcome = self._hub.take_delta(delta, now(), asked)
        if outcome in (Outcome.UNKNOWN, Outcome.AHEAD):
            return self._ask_and_offer(delta, asked, outcome)
        return self._count(delta, outcome)

    async def offer(self, delta: Delta) -> Outcome:
        """Give the hub a delta, and ask the engine if necessary: see `offer_or_ask`."""
        outcome = self.offer_or_ask(delta)
        return outcome if isinstance(outcome, Outcome) else await outcome

    async def _ask_and_offer(self, delta: Delta, asked: int, outcome: Outcome) -> Outcome:
        """Ask the engine for the delta's epoch or time, and give the hub the delta again."""
        if outcome is Outcome.UNKNOWN and await self._settle(delta.view, asked):
            outcome = self._hub.take_delta(delta, now(), asked)
        if outcome is Outcome.AHEAD and await self._learn_time(delta, asked):
            outcome = self._hub.take_delta(delta, now(), asked)
        return self._count(delta, outcome)

    def _count(self, delta: Delta, outcome: Outcome) -> Outcome:
        self._metrics.on_post(delta.view, outcome)
        return outcome

    async def _settle(self, view: str, asked: int) -> bool:
        """Wait for the answer to a question later than number `asked`; False if that failed."""
        questions = self._questions
        questions.request_epoch(view)
        failures = questions.failures(view)
        async with self._answered:
            await self._answered.wait_for(
                lambda: questions.is_settled(view, asked) or questions.failures(view) != failures
            )
        return questions.is_settled(view, asked)

    async def _learn_time(self, delta: Delta, asked: int) -> bool:
        """Wait for an answer with the engine's time, later than number `asked`.

        Only a base says whether a view can no longer change. False if that failed.
        """
        if delta.upper < MAX_TIME:
            return await self._settle(delta.view, asked)
        questions, view = self._questions, delta.view
        failures = questions.base_failures(view)
        async with self._answered:
            while not questions.is_read(view, asked) and questions.base_failures(view) == failures:
                questions.request_base(view)  # again: a base that was asked for before clears it
                await self._answered.wait()
        return questions.is_read(view, asked)

    async def wait_for_answer(self, seconds: float) -> None:
        """Wait for the engine's next answer about any view, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._answered:
                await self._answered.wait()

    # --- epochs ------------------------------------------------------------------------------

    async def _poll_epochs(self) -> None:
        clock = asyncio.get_running_loop().time
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        next_round = clock()
        while True:
            views = await self._views_to_ask(next_round)
            if len(views) == len(self._hub.names):
                next_round = clock() + self._epoch_every
            if await self._ask_epochs(views):
                backoff.reset()
            else:
                await asyncio.sleep(backoff.next_delay())

    async def _views_to_ask(self, next_round: float) -> list[str]:
        """The views whose epoch is wanted at once, or all of them at the time `next_round`."""
        clock = asyncio.get_running_loop().time
        while (wait := next_round - clock()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._epochs_wanted.wait(), wait)
            self._epochs_wanted.clear()
            if wanted := [view for view in self._hub.names if self._questions.wants_epoch(view)]:
                return wanted
        return list(self._hub.names)

    async def _ask_epochs(self, views: Sequence[str]) -> bool:
        """Ask for the epochs of `views`; False if the engine did not answer for any of them."""
        if not views:
            return True
        questions = self._questions
        asked = {view: questions.ask(view, for_base=False) for view in views}
        relations = await self._reader.relations(views)
        for view, question in asked.items():
            found = relations[view]
            if isinstance(found, EngineError):
                self._fail(view, found, for_base=False)
                continue
            questions.note_relation(view, str(found))
            answer = EngineAnswer(question, found.epoch, now(), time=found.time)
            if not questions.take_answer(view, answer):
                questions.request_epoch(view)
        await self._notify()
        return not all(isinstance(found, EngineError) for found in relations.values())

    # --- bases -------------------------------------------------------------------------------

    async def _poll_bases(self, view: str) -> None:
        wanted = self._base_wanted[view]
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        rest = 0.0
        while True:
            while not self._questions.wants_base(view):
                backoff.reset()
                wanted.clear()
                await wanted.wait()
            async with self._may_read:
                began = self._loop.time()
                is_too_much = await self._read_base(view)
                took = self._loop.time() - began
            await self._notify()
            if is_too_much:
                rest = max(2 * rest, took, LONGEST_PAUSE)
                await self._wait_for_another_epoch(view, min(rest, LONGEST_REST))
            else:
                rest = 0.0
                await asyncio.sleep(backoff.next_delay())

    async def _wait_for_another_epoch(self, view: str, seconds: float) -> None:
        """Wait until the view was replaced: a smaller one can be read. At most for so long."""
        epoch = self._hub.report(view, now()).epoch
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._answered:
                await self._answered.wait_for(lambda: self._hub.report(view, now()).epoch != epoch)

    async def _read_part(self, part: str) -> None:
        """Read bases of a part until the hub wants none."""
        backoff = Backoff(FIRST_PAUSE, LONGEST_PAUSE)
        rest = 0.0
        try:
            while self._questions.wants_base(part):
                async with self._may_read:
                    is_wanted = self._questions.wants_base(part)  # it may have been closed
                    is_too_much = is_wanted and await self._read_base(part)
                await self._notify()
                rest = min(max(2 * rest, LONGEST_PAUSE), LONGEST_REST) if is_too_much else 0.0
                await asyncio.sleep(rest or backoff.next_delay())
        except Exception as error:  # noqa: BLE001 -- `_fail_with_parts` raises it
            self._failure.put_nowait(error)
        finally:
            del self._part_reads[part]

    async def _fail_with_parts(self) -> None:
        """Fail as soon as a task of a part has failed."""
        raise await self._failure.get()

    async def _read_base(self, view: str) -> bool:
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
            self._fail(view, error, for_base=True)
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

    def _fail(self, view: str, error: EngineError, *, for_base: bool) -> None:
        self.details[view] = error.detail
        is_missing = isinstance(error, UnknownViewError)
        self._questions.take_failure(view, EngineFailure(str(error), now(), for_base, is_missing))

    async def _notify(self) -> None:
        async with self._answered:
            self._answered.notify_all()
