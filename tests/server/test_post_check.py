"""Posts that every client would refuse, or that would stop a view, are refused at the door."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.hub.engine_answer import EngineAnswer
from server.hub.post_check import FAR, Outcome
from tests.server.fake_engine import FakeEngine
from tests.server.hub_scenes import let_end, live_world
from tests.server.served import Served
from tests.server.simulated import VIEW, Follower
from tests.server.world import World
from tests.support.processes import wait_until
from tests.support.scripted_wire import Session
from viewstream.protocol import MAX_DIFF, MAX_TIME, Delta, ProtocolError, Row, decode_delta, encode

HEAD = b'{"type":"delta","view":"top10","epoch":"%s","lower":1001,"upper":1002,"updates":'


def take(world: World, lower: int, upper: int, *updates: tuple[int, int, Row]) -> Outcome:
    """Post a delta as the poller does: what the engine has to be asked is asked."""
    server = world.servers[0]
    delta = Delta(VIEW, world.engine.epoch, lower, upper, list(updates))
    asked = server.hub.questions.last(VIEW)
    outcome = server.hub.take_delta(delta, world.now, asked)
    if outcome is Outcome.AHEAD:
        server.ask(is_base=False)
        question = server.asked.pop().question
        epoch, time = world.engine.epoch, world.engine.time
        server.hub.questions.take_answer(VIEW, EngineAnswer(question, epoch, world.now, time=time))
        world.ask_now(server, is_base=True)
        outcome = server.hub.take_delta(delta, world.now, asked)
    return outcome


def why(world: World) -> str:
    return world.servers[0].hub.why_refused(VIEW)


def settle(world: World, followers: list[Follower]) -> None:
    """Read the bases that are wanted, and let all clients read."""
    for _ in range(3):
        world.servers[0].turn()
        if world.servers[0].view.wants_base:
            world.ask_now(world.servers[0], is_base=True)
        for follower in followers:
            world.read(follower)


def test_a_time_far_above_the_engines_is_refused_and_changes_nothing() -> None:
    world, _ = live_world()
    head = world.servers[0].view.history.head
    assert take(world, head, world.engine.time + FAR) is Outcome.TAKEN
    assert take(world, head, world.engine.time + FAR + 1) is Outcome.REFUSED
    found = f"found {world.engine.time + FAR + 1}"
    expected = f"expected an upper of at most {world.engine.time}, the engine's time, and {FAR} ms"
    assert why(world) == f"{expected} more, {found}"
    assert take(world, head, head + 3_600_000) is Outcome.REFUSED
    assert world.servers[0].view.history.head == world.engine.time + FAR


def test_the_engines_time_goes_on_between_its_answers() -> None:
    world, _ = live_world()
    world.clock.now += 5_000
    world.engine.time += 5_000
    head = world.servers[0].view.history.head
    assert take(world, head, world.engine.time + FAR) is Outcome.TAKEN


def test_a_clock_that_was_set_is_asked_before_a_post_is_refused() -> None:
    world, _ = live_world()
    world.engine.time += 10 * FAR
    head = world.servers[0].view.history.head
    assert take(world, head, world.engine.time) is Outcome.TAKEN


def test_the_end_of_time_is_taken_if_the_engine_says_so() -> None:
    world, _ = live_world()
    let_end(world)
    head = world.servers[0].view.history.head
    assert take(world, head, MAX_TIME, (head, 1, ("a", "1"))) is Outcome.TAKEN
    assert world.servers[0].view.history.head == MAX_TIME


def test_an_end_that_the_engine_does_not_know_is_the_present() -> None:
    """A view that is empty for ever, as only the optimizer knows, is served and stays live."""
    world, followers = live_world()
    server = world.servers[0]
    world.pipelines.clear()
    assert take(world, MAX_TIME, MAX_TIME) is Outcome.HAD, "the head is at the engine's time"
    for _ in range(30):
        world.pass_time(1_000)
        server.ask(is_base=False)
        question = server.asked.pop().question
        answer = EngineAnswer(question, world.engine.epoch, world.now, time=world.engine.time)
        server.hub.questions.take_answer(VIEW, answer)
        settle(world, followers)
    assert server.view.history.head == world.engine.time
    assert server.hub.report(VIEW, world.now).problem is None
    assert followers[0].state.position is not None
    assert followers[0].state.position.frontier == world.engine.time


def test_a_false_end_is_repaired_when_the_view_goes_on() -> None:
    world, followers = live_world()
    server = world.servers[0]
    head = server.view.history.head
    assert take(world, head, MAX_TIME) is Outcome.HAD, "the head is at the engine's time"
    world.engine.change(world.engine.epoch, ("a", "1"), 1)
    world.engine.time += 1
    world.work(server)
    settle(world, followers)
    assert followers[0].state.rows == {("a", "1"): 1}
    assert not server.view.history.check.is_still


def test_rows_of_another_width_are_refused() -> None:
    world, _ = live_world()
    head = world.servers[0].view.history.head
    world.engine.time += 1
    assert take(world, head, head + 1, (head, 1, ("a",))) is Outcome.REFUSED
    assert why(world) == "expected rows of 2 values, as the view's, found 1"
    assert take(world, head, head + 1, (head, 1, ("a", "1"))) is Outcome.TAKEN


def test_a_view_that_took_rows_of_another_width_recovers() -> None:
    """Before a base came nobody knows the width; the base corrects the log."""
    world = World()
    server = world.servers[0]
    world.ask_now(server, is_base=False)
    assert take(world, 1_000, 1_001, (1_000, 1, ("a",))) is Outcome.TAKEN
    follower = Follower()
    world.connect(server, follower)
    world.engine.time = 2_000
    world.ask_now(server, is_base=True)
    assert server.view.history.mismatches == 1
    pipeline = world.start_pipeline()
    pipeline.posted = 1_001
    world.engine.time += 1
    world.work(server)
    settle(world, [follower])
    assert follower.state.position is not None
    assert follower.state.rows == {}


def test_diffs_that_add_up_beyond_what_clients_count_are_refused() -> None:
    world, _ = live_world()
    head = world.servers[0].view.history.head
    world.engine.time += 10
    half = MAX_DIFF // 2
    assert take(world, head, head + 1, (head, half, ("a", "1"))) is Outcome.TAKEN
    assert take(world, head + 1, head + 2, (head + 1, half, ("b", "1"))) is Outcome.TAKEN
    assert take(world, head + 2, head + 3, (head + 2, 2, ("a", "1"))) is Outcome.REFUSED
    assert why(world) == f"expected diffs that add up to at most {MAX_DIFF} with those before"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from([1, -1, MAX_DIFF, -MAX_DIFF, MAX_DIFF + 1, 2**63, 0]),
            st.lists(st.sampled_from(["a", None]), max_size=3),
        ),
        max_size=5,
    ),
    st.integers(-1, 5),
)
def test_a_delta_that_is_taken_is_one_that_clients_take(
    updates: list[tuple[int, int, list[str | None]]], span: int
) -> None:
    world, followers = live_world()
    server = world.servers[0]
    head = server.view.history.head
    world.engine.time += 5
    made = [(head + time, diff, tuple(row)) for time, diff, row in updates]
    try:
        delta = decode_delta(encode(Delta(VIEW, world.engine.epoch, head, head + span, made)))
    except ProtocolError:
        return
    if server.hub.take_delta(delta, world.now, 0) is Outcome.TAKEN:
        server.turn()
        client = followers[0].connection
        assert client is not None
        for text in client.reader.messages():
            for _, diff, row in decode_updates(text):
                assert abs(diff) <= MAX_DIFF
                assert len(row) == 2


def decode_updates(text: bytes | str) -> list[tuple[int, int, Row]]:
    body = text if isinstance(text, bytes) else text.encode()
    return list(decode_delta(body).updates) if b'"delta"' in body else []


@pytest.mark.parametrize(
    ("updates", "sentence"),
    [
        ("[" * 100_000, "expected a delta: "),
        ("[[1001,1,[" + "[" * 100_000, "expected a delta: "),
        ('[],"x":' + "[" * 100_000 + "]" * 100_000 + "}", "expected a delta: "),
        ('[],"x":' + '{"a":' * 100_000, "expected a delta: "),
        (f"[[1001,{MAX_DIFF + 1},[]]]}}", f"expected a diff from 1 to {MAX_DIFF}, or its negative"),
        (f"[[1001,-{10**30},[]]]}}", f"expected a diff from 1 to {MAX_DIFF}, or its negative"),
        ('[[1001,1,["a"]]]}', "expected rows of 2 values, as the view's, found 1"),
        ('[[1001,1,["a",1]]]}', "expected a delta: Expected `str | null`, got `int`"),
        ('[[1001,1,["a",["b"]]]]}', "expected a delta: Expected `str | null`, got `array`"),
        ('[[1001,1,["a","\\ud800"]]]}', "expected a delta: "),
    ],
)
def test_a_body_is_refused_with_a_sentence(
    updates: str, sentence: str, shared_server: Served
) -> None:
    shared_server.open().base()
    epoch = shared_server.engine.epoch.encode()
    answer = shared_server.post_body(HEAD % epoch + updates.encode())
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(sentence)
    assert len(answer.json()["error"]) < 1_000
    assert "Traceback" not in shared_server.process.stderr


def test_a_post_ahead_of_the_engine_is_refused_and_the_view_goes_on(engine: FakeEngine) -> None:
    engine.clock, engine.time = "2000", "1999"
    with Served(engine) as served:
        assert served.post(1_001, 2_001).status_code == 200
        for upper in (3_600_000, MAX_TIME - 1):
            answer = served.post(2_001, upper)
            assert answer.status_code == 400
            assert "the engine's time" in answer.json()["error"]
        assert served.post(2_001, 2_002).json() == {"head": 2_002, "taken": True}
        engine.clock = "4000000"
        assert served.post(2_002, 3_600_000).status_code == 200


def test_an_end_that_the_engine_does_not_know_is_served(engine: FakeEngine) -> None:
    engine.clock, engine.time, engine.rows = "2000", "1999", []
    with Served(engine) as served:
        assert served.post(MAX_TIME, MAX_TIME).status_code == 200
        engine.clock, engine.time = "9000", "8999"
        assert served.open().base().rows == []
        wait_until(lambda: served.health()["head"] >= 9_000, "the head follows the engine's time")


def test_a_time_that_cannot_be_checked_is_posted_again(engine: FakeEngine) -> None:
    engine.clock, engine.time = "2000", "1999"
    with Served(engine, "--engine-timeout", "0.5") as served:
        assert served.post(1_001, 2_001).status_code == 200
        engine.thawed.clear()
        answer = served.post(2_001, 3_600_000)
        assert answer.status_code == 503
        assert answer.json()["error"].startswith("the engine's time cannot be checked: ")


class ClocklessEngine(FakeEngine):
    """Refuses to give a time along with the catalog."""

    def _answer(self, statement: str, session: Session) -> None:
        if "mz_objects" in statement and "mz_logical_timestamp" in statement:
            session.error("cannot be asked here")
        else:
            super()._answer(statement, session)


def test_an_engine_that_gives_no_time_with_its_catalog_is_asked_without() -> None:
    with ClocklessEngine() as engine, Served(engine) as served:
        assert served.post(1_001, 2_001).status_code == 200
        assert served.health()["problem"] is None
