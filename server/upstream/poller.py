"""Polls the engine for epochs, and passes them to the hub; `base_reads.py` reads the bases.

One task asks for the epochs of all views with one query: every few seconds, and at once for a view
of which a POST or a client brings an epoch that the hub does not have.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

from server.flusher import now
from server.hub.engine_answer import EngineAnswer, EngineFailure
from server.hub.hub import Hub
from server.hub.post_check import Outcome
from server.metrics import Metrics
from server.upstream.base_reads import BaseReads
from server.upstream.errors import EngineError, UnknownViewError
from server.upstream.reader import Reader
from viewstream.backoff import Backoff
from viewstream.protocol import MAX_TIME, Delta

EPOCH_EVERY = 3.0
"""Seconds between two queries for the epochs: how long rows of a replaced view can be shown."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 1.0
"""Bounds, in seconds, of the growing random delay after a query for epochs that failed."""


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
        self._posts = metrics.deltas.posts
        self._epoch_every = epoch_every
        self.details: dict[str, str] = {}
        """The engine's own words about the last failure of each view, for the log."""
        self._epochs_wanted = asyncio.Event()
        self._answered = asyncio.Condition()
        self._base_reads = BaseReads(
            hub,
            reader,
            metrics,
            self._answered,
            partial(self._fail, for_base=True),
            compress_from=compress_from,
            reads_at_once=reads_at_once,
        )
        self._polling = asyncio.get_running_loop().create_task(self._poll_epochs())
        for view in hub.names:
            self.add_view(view)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The tasks that end only if they fail; more with each view that is added."""
        return [self._polling, *self._base_reads.tasks]

    def add_view(self, view: str) -> None:
        """Poll one more view of the hub."""
        self._base_reads.add_view(view)

    async def stop(self) -> None:
        self._polling.cancel()
        await asyncio.gather(self._polling, return_exceptions=True)
        await self._base_reads.stop()

    def on_question(self, view: str) -> None:
        """Wake the task that asks what the hub needs to know about the view or part."""
        if self._questions.wants_base(view):
            self._base_reads.start(view)
        if self._questions.wants_epoch(view):
            self._epochs_wanted.set()

    def offer_or_ask(self, delta: Delta) -> Outcome | Coroutine[Any, Any, Outcome]:
        """Give the hub a delta; return a coroutine if the engine has to be asked first.

        UNKNOWN and AHEAD mean that the engine did not answer.
        """
        asked = self._questions.last(delta.view)
        outcome = self._hub.take_delta(delta, now(), asked)
        if outcome is Outcome.UNKNOWN or outcome is Outcome.AHEAD:
            return self._ask_and_offer(delta, asked, outcome)
        self._posts[delta.view, outcome] += 1
        return outcome

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
        self._posts[delta.view, outcome] += 1
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

    async def _poll_epochs(self) -> None:
        clock = asyncio.get_running_loop().time
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
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
        async with self._answered:
            self._answered.notify_all()
        return not all(isinstance(found, EngineError) for found in relations.values())

    def _fail(self, view: str, error: EngineError, *, for_base: bool) -> None:
        self.details[view] = error.detail
        is_missing = isinstance(error, UnknownViewError)
        self._questions.take_failure(view, EngineFailure(str(error), now(), for_base, is_missing))
