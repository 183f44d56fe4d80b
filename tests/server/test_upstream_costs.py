"""Bounds on what the engine is asked, in virtual time: how often, how soon, and how much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from server.hub.hub import Hub
from server.hub.limits import Limits
from server.hub.post_check import Outcome
from server.metrics import Metrics
from server.upstream.base_rows import BaseRows
from server.upstream.database import Database
from server.upstream.errors import EngineAwayError, EngineError, TooMuchError
from server.upstream.poller import Poller
from server.upstream.reader import TRIES, Reader, Reading
from server.upstream.tailer import Tailer
from tests.server.fake_engine import FakeEngine
from tests.support.scripted_wire import Session
from tests.support.virtual_time import run_in_virtual_time
from viewstream.dialect import Dialect, dialect_of
from viewstream.names import ViewName, parse_view
from viewstream.protocol import Delta, Row
from viewstream.relation import Relation

MINUTES = 600.0
"""Seconds of virtual time: enough for random delays to be near their mean."""
VIEWS = [f"v{n}" for n in range(30)]
AWAY = EngineAwayError("the engine does not answer")


class FakeReader:
    """Counts questions; `failure` and `base_failure` are what they fail with."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.bases = self.bases_of_parts = 0
        self.failure: EngineError | None = None
        self.base_failure: EngineError | None = None
        self.base_takes = 0.0
        self.epoch = "1000-u1"

    async def relations(self, views: Sequence[str]) -> dict[str, Relation | EngineError]:
        self.rounds.append(list(views))
        return {view: self.failure or Relation("public", view, self.epoch) for view in views}

    async def relation(self, view: str) -> Relation:
        if self.failure is not None:
            raise self.failure
        return Relation("public", view, self.epoch)

    async def base(self, name: ViewName) -> Reading:
        self.bases += 1
        self.bases_of_parts += name.part is not None
        await asyncio.sleep(self.base_takes)
        if error := self.base_failure or self.failure:
            raise error
        return Reading(self.epoch, 10, [], BaseRows())

    async def dialect(self) -> Dialect:
        return dialect_of("v0.26.4")


def poll(
    views: Sequence[str],
    scene: Callable[[Hub, Poller, FakeReader], Any],
    seconds: float = MINUTES,
) -> FakeReader:
    """Run a poller for `seconds`, after `scene` has begun."""
    reader = FakeReader()

    async def run() -> None:
        poller: Poller | None = None

        def on_question(view: str) -> None:
            if poller is not None:
                poller.on_question(view)

        hub = Hub(views, Limits(), lambda: None, on_question, dict.fromkeys(views, "name"))
        poller = Poller(
            hub, cast(Reader, reader), Metrics(hub), compress_from=None, reads_at_once=3
        )
        result = scene(hub, poller, reader)
        if asyncio.iscoroutine(result):
            await result
        await asyncio.sleep(seconds)
        await poller.stop()

    run_in_virtual_time(run())
    return reader


def test_the_epochs_of_all_views_are_one_question_every_three_seconds() -> None:
    reader = poll(VIEWS, lambda hub, poller, reader: None)
    assert 198 <= len(reader.rounds) <= 202
    assert all(sorted(views) == sorted(VIEWS) for views in reader.rounds)


def test_a_base_that_nobody_wants_again_is_read_once() -> None:
    assert poll(VIEWS, lambda hub, poller, reader: None).bases == len(VIEWS)


def test_an_engine_that_is_away_is_not_asked_more_often() -> None:
    def away(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        reader.failure = AWAY

    reader = poll(VIEWS[:1], away)
    assert 150 <= len(reader.rounds) <= 202
    assert MINUTES <= reader.bases <= 2.6 * MINUTES  # a mean pause of half a second


def test_a_base_that_cannot_be_read_is_tried_again_with_growing_pauses() -> None:
    def unreadable(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        reader.base_failure = EngineError("the engine answers: division by zero")

    reader = poll(VIEWS[:1], unreadable)
    assert 1.5 * MINUTES <= reader.bases <= 2.6 * MINUTES
    assert len(reader.rounds) >= 198, "the epochs do not wait for it"


def test_a_view_that_is_too_much_is_read_less_and_less_often() -> None:
    def too_much(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        reader.base_failure = TooMuchError("the view is not read within 5 s")

    reader = poll(VIEWS[:1], too_much)
    assert 8 <= reader.bases <= 11  # after 1, 2, 4, .. 256 s
    assert len(reader.rounds) >= 198, "the epochs do not wait for it"


def test_a_read_that_was_too_much_costs_at_most_half_of_the_time() -> None:
    def too_much(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        reader.base_failure = TooMuchError("the view is not read within 5 s")
        reader.base_takes = 60

    assert 3 <= poll(VIEWS[:1], too_much).bases <= 4  # at 0, 120, 300, 600 s


def test_a_view_that_was_too_much_is_read_at_once_when_it_is_replaced() -> None:
    async def replace(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        reader.base_failure = TooMuchError("the view is not read within 5 s")
        await asyncio.sleep(MINUTES)
        reader.base_failure, reader.epoch = None, "2000-u1"
        await asyncio.sleep(4)
        assert hub.report("v0", 0).base_reads == 1

    poll(VIEWS[:1], replace, 0)


def test_a_part_that_is_too_much_rests_as_its_view_does() -> None:
    async def rest(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        await asyncio.sleep(1)
        part = parse_view("v0[name=a]")
        reader.base_failure = TooMuchError("the view is not read within 5 s")
        assert hub.open_parts([part], 0)
        hub.questions.request_base(str(part))
        await asyncio.sleep(MINUTES)
        before = reader.bases_of_parts
        assert 8 <= before <= 11  # after 1, 2, 4, .. 256 s
        reader.epoch = "2000-u1"
        await asyncio.sleep(4)
        assert reader.bases_of_parts > before, "the view was replaced"

    poll(VIEWS[:1], rest, 0)


def test_an_unknown_epoch_is_asked_at_once_and_once() -> None:
    found: list[tuple[Outcome, float]] = []

    async def post(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        await asyncio.sleep(1)
        reader.epoch = "2000-u1"
        before, began = len(reader.rounds), asyncio.get_running_loop().time()
        outcome = await poller.offer(Delta("v0", "2000-u1", 5, 5, []))
        found.append((outcome, asyncio.get_running_loop().time() - began))
        assert reader.rounds[before:] == [["v0"]]

    poll(VIEWS, post, 0)
    assert found == [(Outcome.HAD, 0.0)]


def test_a_post_while_the_engine_is_away_is_refused_after_one_question() -> None:
    async def post(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        await asyncio.sleep(1)
        reader.failure = AWAY
        before = len(reader.rounds)
        async with asyncio.timeout(1.5):
            assert await poller.offer(Delta("v0", "2000-u1", 5, 5, [])) is Outcome.UNKNOWN
        assert len(reader.rounds) == before + 1

    poll(VIEWS, post, 0)


def test_posts_that_come_all_the_time_do_not_ask_an_absent_engine_all_the_time() -> None:
    async def post(hub: Hub, poller: Poller, reader: FakeReader) -> None:
        reader.failure = AWAY

        async def post_for_ever() -> None:
            while True:
                await poller.offer(Delta("v0", "2000-u1", 5, 5, []))

        posting = asyncio.create_task(post_for_ever())
        await asyncio.sleep(MINUTES)
        posting.cancel()

    assert len(poll(VIEWS[:1], post, 0).rounds) <= 2.6 * MINUTES


class ReplacedEngine(FakeEngine):
    """Its view is another one each time that it is looked up."""

    def _answer(self, statement: str, session: Session) -> None:
        if "mz_objects" in statement:
            self.id = f"u{int(self.id[1:]) + 1}"
        super()._answer(statement, session)


def test_a_view_that_is_always_replaced_is_read_three_times() -> None:
    async def read(engine: FakeEngine) -> None:
        database = Database(engine.dsn)
        with pytest.raises(EngineError, match="replaced each time"):
            await Reader(database).base(ViewName("top10"))
        database.close()

    with ReplacedEngine() as engine:
        asyncio.run(read(engine))
        assert engine.reads == TRIES == 3


class FakeCursor:
    """A TAIL that closes a time every tenth of a second, in which nothing changes."""

    def __init__(self) -> None:
        self._time = 1000

    async def fetch(self, count: int, patience: float) -> Sequence[Row]:
        await asyncio.sleep(0.1)
        self._time += 100
        return [(str(self._time), "t", None, None)]


class FakeDatabase:
    def __init__(self, failure: EngineError | None = None) -> None:
        self.declared = 0
        self._failure = failure

    @asynccontextmanager
    async def declare(self, sql: str) -> AsyncIterator[FakeCursor]:
        self.declared += 1
        if self._failure is not None:
            raise self._failure
        yield FakeCursor()


def tail(database: FakeDatabase) -> list[Delta]:
    """Tail a view for ten minutes; return the deltas."""
    deltas: list[Delta] = []

    async def offer(delta: Delta) -> Outcome:
        deltas.append(delta)
        return Outcome.TAKEN

    async def run() -> None:
        hub = Hub(["v"], Limits(), lambda: None, lambda view: None)
        reader = cast(Reader, FakeReader())
        tailer = Tailer(["v"], hub, cast(Database, database), reader, offer)
        await asyncio.sleep(MINUTES)
        await tailer.stop()

    run_in_virtual_time(run())
    return deltas


def test_a_quiet_view_gives_an_empty_delta_a_second() -> None:
    deltas = tail(FakeDatabase())
    assert 0.85 * MINUTES <= len(deltas) <= MINUTES + 2
    assert all(not delta.updates for delta in deltas)


@pytest.mark.parametrize("failure", [AWAY, EngineError("the engine answers: fell behind")])
def test_a_tail_that_fails_is_started_again_with_growing_pauses(failure: EngineError) -> None:
    database = FakeDatabase(failure)
    assert tail(database) == []
    assert 80 <= database.declared <= 220  # a mean pause of five seconds
