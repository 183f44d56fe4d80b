"""The answer of a handshake on a plain connection: sent with the hub's first message, or alone."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest

from server.http import websocket
from server.http.subscription import Subscription
from server.http.websocket import Websockets
from server.wire.connection import Connection
from server.wire.handshake import parse_stream_request
from server.wire.readers import Readers
from tests.server.test_handshake import head


class Scene:
    """A hub that is as busy as the test wants, and one client that has just been accepted."""

    def __init__(self) -> None:
        self.hub = SimpleNamespace(has_queue=True)
        self.clients: list[Connection] = []
        context = SimpleNamespace(
            hub=self.hub,
            readers=Readers.create(),
            connections=SimpleNamespace(
                add=lambda client, found: self.clients.append(client),
                on_closing=lambda client: None,
                on_closed=lambda client, code: None,
            ),
            admission=SimpleNamespace(decide=lambda request, peer: Subscription({"v": None}, {})),
        )
        ours, self.theirs = socket.socketpair()
        ours.setblocking(False)
        self.theirs.setblocking(False)
        parsed = parse_stream_request(head(), compresses=True)
        assert parsed is not None
        Websockets(cast("Any", context)).open(ours, "127.0.0.1", *parsed, b"")

    async def turns(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    def received(self) -> bytes:
        try:
            return self.theirs.recv(1 << 16)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        for client in self.clients:
            client.abort()
        self.theirs.close()


def test_the_answer_waits_for_a_message_while_the_hub_serves_others() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.turns()
        assert scene.received() == b""
        scene.clients[0].sender.send(b"a base")
        received = scene.received()
        assert received.startswith(b"HTTP/1.1 101 ")
        assert received.endswith(b"\r\n\r\na base")
        scene.hub.has_queue = False
        await scene.turns()
        assert scene.received() == b"", "it is sent once"
        scene.close()

    asyncio.run(scenario())


def test_the_answer_is_sent_alone_once_the_hub_has_nothing_to_serve() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.hub.has_queue = False
        await scene.turns()
        assert scene.received().endswith(b"\r\n\r\n")
        scene.close()

    asyncio.run(scenario())


def test_the_answer_does_not_wait_long_for_a_busy_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "LONGEST_SILENCE", 0.0)

    async def scenario() -> None:
        scene = Scene()
        await scene.turns()
        assert scene.received().startswith(b"HTTP/1.1 101 ")
        scene.close()

    asyncio.run(scenario())
