"""Invariant 6: the same bytes are never encoded twice for two clients."""

from __future__ import annotations

from typing import Any

import pytest

from server.framing import Encoding
from server.hub import history
from server.hub.limits import Limits
from tests.server import simulated
from tests.server.hub_scenes import connect, live_world, post_rows, received
from tests.server.simulated import FakeClient, Follower, Server
from tests.server.world import World
from viewstream.protocol import Delta

CLIENTS = 40


class Listening:
    """A world whose clients, half of them taking deflated messages, note what they are sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.encoded = 0
        self.sent: list[tuple[Encoding, bytes]] = []
        monkeypatch.setattr(simulated, "LIMITS", Limits(log_bytes=1 << 20, compress_from=1000))
        self.world = World()
        self.server: Server = self.world.servers[0]
        self.pipeline = self.world.start_pipeline()

        def counted(message: Any, encode: Any = history.encode) -> bytes:
            self.encoded += isinstance(message, Delta)
            return encode(message)

        monkeypatch.setattr(history, "encode", counted)
        monkeypatch.setattr(FakeClient, "send", self._noted(FakeClient.send))
        self.world.work(self.server)
        self.join(CLIENTS)
        self.world.work(self.server)
        self.change_and_post("before")
        self.server.turn()

    def _noted(self, take: Any) -> Any:
        def noted(client: FakeClient, data: bytes) -> int:
            self.sent.append((client.encoding, data))
            return take(client, data)

        return noted

    def join(self, count: int) -> list[Follower]:
        came = [Follower(encoding=list(Encoding)[number % 3]) for number in range(count)]
        for follower in came:
            self.world.followers.append(follower)
            self.world.connect(self.server, follower)
        return came

    def change_and_post(self, row: str) -> None:
        """Post a change that is large enough to be deflated."""
        self.world.engine.change(self.world.engine.epoch, (row * 2000, "1"), 1)
        self.world.pass_time(10)
        self.world.post(self.server, self.pipeline, 0, 1000)

    def forget(self) -> None:
        self.encoded = 0
        self.sent.clear()

    def objects(self) -> dict[Encoding, int]:
        """How many different objects of bytes were sent to clients of each kind."""
        return {
            encoding: len({id(data) for kind, data in self.sent if kind is encoding})
            for encoding in Encoding
        }


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Listening:
    return Listening(monkeypatch)


def test_a_delta_is_encoded_once_and_framed_once_for_all(listening: Listening) -> None:
    listening.forget()
    listening.change_and_post("a")
    listening.server.turn()
    assert listening.encoded == 1
    assert len(listening.sent) == CLIENTS
    assert listening.objects() == dict.fromkeys(Encoding, 1)


def test_messages_that_are_ready_together_are_written_together(listening: Listening) -> None:
    listening.forget()
    for row in "abc":
        listening.change_and_post(row)
    listening.server.turn()
    assert listening.encoded == 3
    assert len(listening.sent) == CLIENTS
    assert listening.objects() == dict.fromkeys(Encoding, 1)


def test_clients_that_drain_at_the_same_position_get_the_same_bytes(listening: Listening) -> None:
    connections = [follower.connection for follower in listening.world.followers]
    for connection in connections:
        assert connection is not None
        connection.room = 0
    for row in "abc":
        listening.change_and_post(row)
        listening.server.turn()
    listening.forget()
    for connection in connections:
        assert connection is not None
        connection.drain(10_000_000)
    listening.server.turn()
    assert listening.encoded == 1
    assert len(listening.sent) == CLIENTS
    assert listening.objects() == dict.fromkeys(Encoding, 1)


def test_a_base_is_encoded_once_for_all_clients_that_come_together(listening: Listening) -> None:
    listening.change_and_post("a")
    listening.server.turn()
    listening.forget()
    came = listening.join(CLIENTS)
    listening.world.work(listening.server)
    bases = {(encoding, id(data)) for encoding, data in listening.sent if b'"type":"base"' in data}
    assert len(bases) == len(Encoding)
    for follower in came:
        listening.world.read(follower)
        assert follower.state.position is not None


def test_clients_that_come_together_are_sent_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = Listening(monkeypatch)
    listening.sent.clear()
    listening.join(30)
    listening.server.turn()
    sent = {
        encoding: {id(data) for of, data in listening.sent if of is encoding}
        for encoding in Encoding
    }
    assert [len(sent[encoding]) for encoding in (Encoding.FRAMES, Encoding.DEFLATED_FRAMES)] == [
        1,
        1,
    ]


def test_a_client_that_comes_later_is_sent_what_has_changed() -> None:
    world, _ = live_world()
    server = world.servers[0]
    connect(server)
    server.turn()
    post_rows(world, "one more")
    server.turn()
    late = connect(server)
    server.turn()
    rows = [
        row
        for message in received(late)
        if isinstance(message, Delta)
        for _, _, row in message.updates
    ]
    assert rows == [("one more", "1")]


def test_the_bytes_of_a_base_are_dropped_with_the_base() -> None:
    world, _ = live_world()
    server = world.servers[0]
    kept = server.view._serving._welcomes
    assert kept
    world.ask_now(server, is_base=True)
    server.hub.on_tick(world.now)
    assert not kept
