"""Where a listener is and what brings it on: resumes, flushes, partial writes."""

from __future__ import annotations

import pytest

from server.framing import Encoding, Message
from server.hub.history import ReadBase
from server.hub.states import State
from tests.server.hub_scenes import (
    client_of,
    connect,
    live_world,
    post_rows,
    received,
    statuses,
)
from tests.server.simulated import VIEW, Clock, FakeClient, Server
from tests.server.world import World
from viewstream.protocol import Base, Delta, Position, decode, encode

# --- resuming --------------------------------------------------------------------------------


def test_a_client_that_resumes_before_any_pipeline_is_answered_once() -> None:
    world = World()
    server = world.servers[0]
    world.ask_now(server, is_base=False)
    at = Position(world.engine.epoch, 990)
    client = connect(server, at)
    server.turn()
    (answer,) = received(client)
    assert answer == Delta(VIEW, world.engine.epoch, 990, 990, [])
    assert client.listeners[VIEW].state is State.CATCHING_UP
    assert client.listeners[VIEW].position == at
    world.ask_now(server, is_base=False)
    server.turn()
    assert received(client) == []


def test_an_answer_is_followed_by_the_status() -> None:
    world, _ = live_world()
    server = world.servers[0]
    world.pass_time(1_000)
    server.turn()
    client = connect(server, Position(world.engine.epoch, 1000))
    server.turn()
    assert [status.state for status in statuses(client)] == ["live"]


def test_an_epoch_that_is_confirmed_later_resumes() -> None:
    """Another server knew it first: the question that was on its way confirms it."""
    world, _ = live_world()
    server = world.servers[0]
    world.engine.replace([("new", "1")])
    client = connect(server, Position(world.engine.epoch, world.engine.time))
    server.turn()
    assert client.listeners[VIEW].state is State.CHECKING_EPOCH
    world.ask_now(server, is_base=False)
    server.turn()
    (answer,) = received(client)
    assert isinstance(answer, Delta), "not a base"
    assert (answer.epoch, answer.lower) == (world.engine.epoch, world.engine.time)


def test_an_epoch_is_denied_only_by_a_question_that_was_asked_after_it_came() -> None:
    world, _ = live_world()
    server = world.servers[0]
    server.ask(is_base=False)
    client = connect(server, Position("1606000000000-u9", 5))
    world.deliver(server, server.asked[-1])
    server.turn()
    assert client.listeners[VIEW].state is State.CHECKING_EPOCH
    world.ask_now(server, is_base=False)
    server.turn()
    assert client.listeners[VIEW].state is State.WAITING_FOR_BASE
    assert client.listeners[VIEW].barrier > 0


def test_a_base_that_was_asked_for_after_a_client_came_is_good_enough() -> None:
    """However much the log has grown since: another read would be no newer for long."""
    world, _ = live_world()
    server = world.servers[0]
    post_rows(world, "a row that makes the last base worth nothing " * 6)
    client = connect(server)
    server.turn()
    assert received(client) == []
    server.ask(is_base=True)
    world.make_answer(server.asked[-1])
    for n in range(3):
        post_rows(world, f"and so does this one, while the base is on its way {n} " * 3)
    world.deliver(server, server.asked[-1])
    server.turn()
    assert [type(message) for message in received(client)] == [Base, Delta]


# --- between two flushes ---------------------------------------------------------------------


def test_a_client_that_comes_before_a_flush_is_live_after_it() -> None:
    world, _ = live_world()
    server = world.servers[0]
    post_rows(world, "a")
    client = connect(server)
    assert server.admit()
    assert [type(message) for message in received(client)] == [Base, Delta]
    listener = client.listeners[VIEW]
    assert listener.state is State.AHEAD
    assert listener.position == Position(world.engine.epoch, 1001)
    assert server.view.feed.ahead == {listener}
    server.turn()
    assert listener.is_live
    assert server.view.feed.ahead == set()
    assert received(client) == [], "nothing twice"
    post_rows(world, "b")
    server.turn()
    assert [message.upper for message in received(client)] == [1002]


def test_a_client_ahead_of_the_server_waits_until_a_flush_reaches_it() -> None:
    world, _ = live_world()
    server = world.servers[0]
    client = connect(server, Position(world.engine.epoch, 1003))
    server.turn()
    assert [message.upper for message in received(client)] == [1003]
    for _ in range(2):
        post_rows(world)
        server.turn()
        assert received(client) == []
        assert client.listeners[VIEW].state is State.AHEAD
    for _ in range(2):
        post_rows(world)
        server.turn()
        assert client.listeners[VIEW].is_live
    assert [message.upper for message in received(client)] == [1004]


def test_a_break_of_the_history_drops_what_is_pending() -> None:
    world, (follower,) = live_world()
    server = world.servers[0]
    post_rows(world, "of the old epoch")
    world.engine.replace([("new", "1")])
    world.ask_now(server, is_base=True)
    assert server.view.feed.pending == []
    assert server.view.feed.flushed == 0
    server.turn()
    (base,) = received(client_of(follower))
    assert base.epoch == world.engine.epoch


class TwoViews:
    """A hub with the views `a` and `b`, both live at 1000, and a client of both."""

    def __init__(self, encoding: Encoding = Encoding.FRAMES) -> None:
        self.server = Server(Clock(), ["a", "b"])
        self.hub = self.server.hub
        for name in "ab":
            message = Message(encode(Base(name, "1-u1", 1000, [], [], 0)))
            question = self.hub.ask(name, for_base=True)
            base = ReadBase(1000, 0, message, question.number, 0)
            self.hub.take_answer(name, question, "1-u1", base, 0)
            self.hub.take_delta(Delta(name, "1-u1", 1000, 1000, []), 0, 0)
        self.client = FakeClient(self.server, encoding)
        self.hub.add_client(self.client, {"a": None, "b": None})
        self.turn()
        self.client.reader.messages()

    def post(self, name: str, lower: int) -> None:
        self.hub.take_delta(Delta(name, "1-u1", lower, lower + 1, [(lower, 1, ("row",))]), 0, 0)

    def turn(self) -> None:
        while self.hub.has_pending or self.hub.admit(0):
            self.hub.flush()

    def frontiers(self) -> dict[str, int]:
        return {name: at.frontier for name, at in self.client.positions.items()}


@pytest.mark.parametrize("encoding", Encoding)
def test_half_of_a_flush_moves_only_the_views_that_it_holds(encoding: Encoding) -> None:
    views = TwoViews(encoding)
    views.client.room = 10
    views.post("a", 1000)
    views.turn()
    assert views.frontiers() == {"a": 1001, "b": 1000}
    views.post("a", 1001)
    views.post("b", 1000)
    views.turn()
    assert views.frontiers() == {"a": 1001, "b": 1000}, "it is blocked"
    views.client.drain(10_000_000)
    views.turn()
    found = [decode(text) for text in views.client.reader.messages()]
    deltas = [(one.view, one.lower, one.upper) for one in found if isinstance(one, Delta)]
    assert deltas == [("a", 1000, 1001), ("a", 1001, 1002), ("b", 1000, 1001)]
    assert all(listener.is_live for listener in views.client.listeners.values())


def test_a_client_that_is_live_in_one_of_its_views_is_in_the_group_of_that_view() -> None:
    views = TwoViews()
    group = views.client.group
    assert group is not None
    assert {feed.name for feed in group.key.feeds} == {"a", "b"}
    question = views.hub.ask("a", for_base=False)
    views.hub.take_answer("a", question, "1-u2", None, 0)
    group = views.client.group
    assert group is not None
    assert {feed.name for feed in group.key.feeds} == {"b"}
    assert len(views.hub._fanout._groups) == 1, "the empty group is gone"
