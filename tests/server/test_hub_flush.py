"""Between two flushes: listeners ahead, pending messages, and half-sent writes of several views."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server.framing import MAX_DEFLATED_AT_ONCE, Encoding, Message
from server.hub.engine_answer import EngineAnswer, ReadBase
from server.hub.states import Event, State
from tests.server.event_reader import EventReader, ReadEvent
from tests.server.hub_scenes import (
    client_of,
    connect,
    live_world,
    post_rows,
    received,
)
from tests.server.simulated import LIMITS, VIEW, Clock, FakeClient, Server
from tests.server.world import World
from viewstream.protocol import Base, Delta, Position, decode, encode


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
    assert list(server.view.feed.ahead) == [listener]
    server.turn()
    assert listener.is_live
    assert not server.view.feed.ahead
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


def test_a_large_delta_is_sent_once_it_is_compressed() -> None:
    """In a worker thread: until then its view is not flushed."""
    world, (follower,) = live_world()
    server = world.servers[0]
    post_rows(world, "x" * 2 * MAX_DEFLATED_AT_ONCE)
    hub = server.hub
    assert not hub.has_pending
    hub.flush()
    assert received(client_of(follower)) == []
    (message,) = hub.uncompressed()
    message.compress()
    assert hub.uncompressed() == []
    assert hub.has_pending
    server.turn()
    post_rows(world)
    server.turn()
    assert [message.upper for message in received(client_of(follower))] == [1001, 1002]


def test_the_log_is_kept_for_clients_that_are_about_to_get_a_base() -> None:
    world, _ = live_world()
    server = world.servers[0]
    upper = server.view.history.head
    client = connect(server)
    log = server.view.history.log
    assert log is not None
    while log.size < LIMITS.log_bytes + 100:
        post_rows(world, "x" * 20)
    assert log.lower <= upper
    server.turn()
    post_rows(world)
    assert log.size <= LIMITS.log_bytes, "the queue is empty"
    assert client.listeners[VIEW].state is not State.GONE


def test_a_break_of_the_history_drops_what_is_pending() -> None:
    world, (follower,) = live_world()
    server = world.servers[0]
    post_rows(world, "of the old epoch")
    post_rows(world, "x" * 2 * MAX_DEFLATED_AT_ONCE)
    world.engine.replace([("new", "1")])
    world.ask_now(server, is_base=True)
    assert server.view.feed.pending == []
    assert server.hub.uncompressed() == []
    assert server.view.feed.flushed == 0
    world.pass_time(LIMITS.recreate_patience)
    world.ask_now(server, is_base=True)
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
            question = self.hub.questions.ask(name, for_base=True)
            base = ReadBase(1000, 0, message, question.number, 0)
            self.hub.questions.take_answer(name, EngineAnswer(question, "1-u1", 0, base))
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

    def events(self) -> list[ReadEvent]:
        """The events that came since the last call."""
        assert isinstance(self.client.reader, EventReader)
        taken, self.client.reader.events = self.client.reader.events, []
        return taken

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


def test_an_id_names_the_views_in_which_a_client_is_not_live() -> None:
    """With what the client has by then: it can move without becoming live."""
    views = TwoViews(Encoding.EVENTS)
    listener = views.client.listeners["b"]
    views.hub._fanout.move(listener, Event.BLOCKED)
    for frontier in (1000, 1005):
        listener.frontier = frontier
        views.hub._fanout.move(listener, Event.LOG_RESTARTED)
        views.post("a", views.frontiers()["a"])
        views.hub.flush()
        (event,) = views.events()
        upper = views.frontiers()["a"]
        assert event.id == f"a@1-u1:{upper} b@1-u1:{frontier}"
    assert not listener.is_live


def test_an_id_names_the_views_in_which_a_client_waits_for_its_next_base() -> None:
    """Without the position, another server could send a base below what the client has."""
    views = TwoViews(Encoding.EVENTS)
    client = FakeClient(views.server, Encoding.EVENTS)
    views.hub.add_client(client, {"a": None, "b": Position("1-u0", 7)})
    question = views.hub.questions.ask("b", for_base=False)
    views.hub.questions.take_answer("b", EngineAnswer(question, "1-u2", 0))
    views.turn()
    waiting = [one.listeners["b"].state for one in (views.client, client)]
    assert waiting == [State.WAITING_FOR_BASE, State.WAITING_FOR_BASE]
    views.post("a", 1000)
    views.turn()
    assert views.events()[-1].id == "a@1-u1:1001 b@1-u1:1000"
    assert isinstance(client.reader, EventReader)
    assert client.reader.events[-1].id == "a@1-u1:1001 b@1-u0:7"


def test_the_ids_within_one_write_advance_message_by_message() -> None:
    views = TwoViews(Encoding.EVENTS)
    views.post("b", 1000)
    views.post("a", 1000)
    views.post("a", 1001)
    views.hub.flush()
    assert [event.id for event in views.events()] == [
        "a@1-u1:1001 b@1-u1:1000",
        "a@1-u1:1002 b@1-u1:1000",
        "a@1-u1:1002 b@1-u1:1001",
    ]
    assert views.client.group is not None
    assert views.client.group.key.others == ()


def test_a_client_that_is_live_in_one_of_its_views_is_in_the_group_of_that_view() -> None:
    views = TwoViews()
    group = views.client.group
    assert group is not None
    assert {feed.name for feed in group.key.feeds} == {"a", "b"}
    question = views.hub.questions.ask("a", for_base=False)
    views.hub.questions.take_answer("a", EngineAnswer(question, "1-u2", 0))
    group = views.client.group
    assert group is not None
    assert {feed.name for feed in group.key.feeds} == {"b"}
    assert len(views.hub._fanout._groups) == 1, "the empty group is gone"


def test_a_flushed_message_is_kept_in_one_encoding() -> None:
    """The log has as many bytes as it counts, not some more for each encoding of its clients."""
    world, _ = live_world()
    server = world.servers[0]
    for encoding in Encoding:
        server.hub.add_client(FakeClient(server, encoding), {VIEW: None})
    server.turn()
    post_rows(world, "x" * 2000)
    (pending,) = server.view.feed.pending
    server.hub.flush()
    assert server.view.feed.pending == []
    assert pending.message._events == {}
    assert pending.message._deflated is None


def test_clients_are_sent_everything_in_the_order_in_which_they_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not in that of a hash table: their sockets lie in memory in this order."""
    sent: list[FakeClient] = []

    def send(client: FakeClient, data: bytes, take: Callable[..., int] = FakeClient.send) -> int:
        sent.append(client)
        return take(client, data)

    monkeypatch.setattr(FakeClient, "send", send)
    world = World()
    server = world.servers[0]
    clients = [connect(server) for _ in range(300)]
    server.turn()
    world.work(server)
    server.turn()
    sent.clear()
    post_rows(world, "a row")
    server.turn()
    assert sent == clients
