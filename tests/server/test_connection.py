"""A connection on a socket pair: how it closes, and when a slow client makes progress."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from server.framing import Encoding, encode_close, encode_pong, frame
from server.hub.slow_clients import MAX_PINGS, PROGRESS_BYTES
from server.wire import connection, socket_connection
from server.wire.client_frames import MAX_MESSAGE
from server.wire.connection import ABNORMAL, FRAMES_RATE, OTHER, Connection
from server.wire.readers import Readers
from server.wire.socket_connection import MAX_COPIED, SocketConnection
from tests.server.frames import PONG, FrameReader


@dataclass
class Recorder:
    """The owner of connections: what they have reported, in order."""

    events: list[object] = field(default_factory=list)

    def on_drained(self, connection: Connection) -> None:
        connection.is_ready = True
        self.events.append("drained")

    def on_blocked(self, connection: Connection) -> None:
        connection.is_ready = False
        self.events.append("blocked")

    def on_closing(self, connection: Connection) -> None:
        connection.is_ready = False
        self.events.append("closing")

    def on_closed(self, connection: Connection, code: int) -> None:
        self.events.append(code)


class Pair:
    """A connection, and its client's end of the socket."""

    def __init__(
        self,
        encoding: Encoding = Encoding.FRAMES,
        answer: bytes = b"",
        kind: socket.SocketKind = socket.SOCK_STREAM,
    ) -> None:
        ours, self.theirs = socket.socketpair(type=kind)
        ours.setblocking(False)
        self.theirs.setblocking(False)
        self.owner = Recorder()
        self.connection = SocketConnection(ours, self.owner, Readers.create(), encoding, answer)
        self.reader = FrameReader()

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.theirs, data)

    async def receive(self) -> bytes:
        """All that comes until the end; then the client closes, too."""
        received = b""
        while chunk := await asyncio.get_running_loop().sock_recv(self.theirs, 1 << 20):
            received += chunk
        self.theirs.close()
        return received

    async def read_frames(self) -> FrameReader:
        """Read until the connection ends."""
        self.reader.feed(await self.receive())
        self.reader.messages()
        return self.reader

    def fill(self) -> int:
        """Fill the socket, and block the connection with the rest of a frame; return its size."""
        data = frame(bytes(8 * PROGRESS_BYTES))
        sent = self.connection.sender.send(data)
        assert sent < len(data)
        self.connection.is_ready = False
        assert self.connection.keep_rest(data, sent)
        return len(data)


def masked(first: int, payload: bytes = b"") -> bytes:
    """A client's frame with a mask of zeros, which leaves the payload as it is."""
    data = frame(payload, first)
    size = len(data) - len(payload)
    return data[:1] + bytes([data[1] | 0x80]) + data[2:size] + bytes(4) + payload


CLOSE, PING = 0x88, 0x89


@dataclass
class Clock:
    now: int = 0


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("waited in vain")


def test_a_client_that_reads_slowly_makes_progress_with_each_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long all of it takes: only a slice has to be taken within the stall limit."""
    clock = Clock()
    monkeypatch.setattr(socket_connection, "now", lambda: clock.now)
    asyncio.run(_read_slowly(clock))


async def _read_slowly(clock: Clock) -> None:
    pair = Pair()
    client = pair.connection
    data = bytes(8 * PROGRESS_BYTES)
    client.is_ready = False
    assert client.keep_rest(data, 1)
    taken = 0
    while taken < len(data) - 1:
        clock.now += 1_000
        goal = min(taken + 2 * PROGRESS_BYTES, len(data) - 1)
        while taken < goal:
            taken += len(await asyncio.get_running_loop().sock_recv(pair.theirs, goal - taken))
        await until(lambda: client.progress_at in (clock.now, None))
    await until(lambda: pair.owner.events == ["drained"])
    assert client.progress_at is None
    client.abort()
    pair.theirs.close()


def test_a_client_that_reads_nothing_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(socket_connection, "now", lambda: clock.now)

    async def scenario() -> None:
        pair = Pair()
        pair.connection.keep_rest(bytes(8 * PROGRESS_BYTES), 1)
        await asyncio.sleep(0)
        clock.now = 5_000
        for _ in range(10):
            await asyncio.sleep(0)
        assert pair.connection.progress_at == 0
        pair.connection.abort()
        pair.theirs.close()

    asyncio.run(scenario())


ANSWER = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def writes_of(data: bytes) -> list[bytes]:
    """Return each write that a client gets: the answer of its handshake, `data`, and more."""

    async def scenario() -> list[bytes]:
        pair = Pair(answer=ANSWER, kind=socket.SOCK_SEQPACKET)
        if data:
            assert pair.connection.sender.send(data) == len(data)
        pair.connection.send_answer()
        assert pair.connection.sender.send(b"more") == 4
        writes = [pair.theirs.recv(1 << 20)]
        while writes[-1] != b"more":
            writes.append(pair.theirs.recv(1 << 20))
        pair.connection.abort()
        pair.theirs.close()
        return writes

    return asyncio.run(scenario())


def test_the_answer_of_a_handshake_is_sent_with_the_first_message() -> None:
    assert writes_of(b"a base") == [ANSWER + b"a base", b"more"]
    large = bytes(MAX_COPIED + 1)
    assert writes_of(large) == [ANSWER + large, b"more"]


def test_the_answer_of_a_handshake_is_sent_alone_if_there_is_no_message() -> None:
    assert writes_of(b"") == [ANSWER, b"more"]


def test_a_pong_does_not_overtake_the_answer_of_the_handshake() -> None:
    async def scenario() -> None:
        pair = Pair(answer=ANSWER)
        pair.connection.receive(masked(PING, b"?"))
        assert pair.theirs.recv(1 << 20) == ANSWER + encode_pong(b"?")
        pair.connection.abort()
        pair.theirs.close()

    asyncio.run(scenario())


def test_of_a_large_first_message_the_socket_takes_a_part() -> None:
    async def scenario() -> None:
        pair = Pair(answer=ANSWER)
        data = bytes(8 * PROGRESS_BYTES)
        sent = pair.connection.sender.send(data)
        assert 0 < sent < len(data)
        received = pair.theirs.recv(1 << 24)
        while len(received) < len(ANSWER) + sent:
            received += pair.theirs.recv(1 << 24)
        assert received == ANSWER + data[:sent]
        pair.connection.abort()
        pair.theirs.close()

    asyncio.run(scenario())


def test_a_client_that_has_gone_before_the_answer_is_dropped() -> None:
    async def scenario() -> None:
        pair = Pair(answer=ANSWER)
        pair.theirs.close()
        pair.connection.send_answer()
        assert pair.owner.events == ["closing", ABNORMAL]

    asyncio.run(scenario())


def test_a_client_that_closes_gets_its_code_back() -> None:
    async def scenario() -> None:
        pair = Pair()
        await pair.send(masked(CLOSE, b"\x0f\xa0a gap"))
        frames = await pair.read_frames()
        assert frames.closed_with == (4000, "")
        assert pair.owner.events == ["closing", 4000]

    asyncio.run(scenario())


@pytest.mark.parametrize("code", [4008, 4440, 1002, 3000])
def test_a_client_cannot_be_counted_under_a_code_of_the_server(code: int) -> None:
    async def scenario() -> None:
        pair = Pair()
        await pair.send(masked(CLOSE, code.to_bytes(2)))
        frames = await pair.read_frames()
        assert frames.closed_with == (code, "")
        assert pair.owner.events == ["closing", OTHER]

    asyncio.run(scenario())


def test_a_close_without_a_code_is_answered_without_one() -> None:
    async def scenario() -> None:
        pair = Pair()
        await pair.send(masked(CLOSE))
        assert await pair.receive() == encode_close(1005) == b"\x88\x00"
        assert pair.owner.events == ["closing", 1005]

    asyncio.run(scenario())


def test_a_connection_that_is_cut_is_closed_without_a_code() -> None:
    async def scenario() -> None:
        pair = Pair()
        pair.theirs.close()
        await until(lambda: pair.owner.events == ["closing", ABNORMAL])

    asyncio.run(scenario())


def test_a_close_of_the_server_waits_for_that_of_the_client() -> None:
    async def scenario() -> None:
        pair = Pair()
        pair.connection.close(4008, "too slow")
        pair.connection.close(1001, "only once")
        assert pair.owner.events == ["closing"]
        await pair.send(masked(PING, b"not answered") + masked(CLOSE, b"\x0f\xa8"))
        frames = await pair.read_frames()
        assert frames.closed_with == (4008, "too slow")
        assert [opcode for opcode, _ in frames.frames] == [8]
        assert pair.owner.events == ["closing", 4008]

    asyncio.run(scenario())


def test_a_client_that_does_not_answer_a_close_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 0.01)

    async def scenario() -> None:
        pair = Pair()
        pair.connection.close(4008, "too slow")
        await until(lambda: pair.owner.events == ["closing", 4008])
        pair.theirs.close()

    asyncio.run(scenario())


def test_closes_and_pongs_come_behind_a_message_that_was_begun() -> None:
    async def scenario() -> None:
        pair = Pair()
        pair.fill()
        await pair.send(masked(PING, b"one") + masked(PING, b"two"))
        await pair.send(masked(CLOSE, b"\x03\xe8"))
        frames = await pair.read_frames()
        assert [opcode for opcode, _ in frames.frames] == [1, PONG, PONG, 8]
        assert frames.closed_with == (1000, "")
        assert pair.owner.events == ["closing", 1000]

    asyncio.run(scenario())


def test_pings_of_a_blocked_client_are_bounded() -> None:
    async def scenario() -> None:
        pair = Pair()
        pair.fill()
        await pair.send(masked(PING) * (MAX_PINGS + 1))
        await until(lambda: pair.owner.events == ["closing", ABNORMAL])
        pair.theirs.close()

    asyncio.run(scenario())


def test_a_client_that_pings_without_end_is_not_read_for_a_while() -> None:
    async def scenario() -> None:
        pair = Pair()
        loop = asyncio.get_running_loop()
        pongs = 0
        sending = loop.create_task(pair.send(masked(PING) * 200_000))
        while pongs < FRAMES_RATE.burst - 1000:
            pongs += (await loop.sock_recv(pair.theirs, 1 << 16)).count(b"\x8a\x00")
        for _ in range(1_000):
            await asyncio.sleep(0)
        with contextlib.suppress(BlockingIOError):
            pongs += pair.theirs.recv(1 << 20).count(b"\x8a\x00")
        assert pongs < FRAMES_RATE.burst + 1000
        assert not sending.done(), "the rest waits in the client's socket"
        sending.cancel()
        pair.connection.abort()
        pair.theirs.close()

    asyncio.run(scenario())


WRONG = {
    "not masked": (b"\x89\x00", 1002),
    "a message": (masked(0x81, b"hello"), 1003),
    "a large message": (masked(0x82, bytes(MAX_MESSAGE + 1)), 1009),
    "a reason that is no UTF-8": (masked(CLOSE, b"\x03\xe8\xff"), 1007),
    "a code that is never sent": (masked(CLOSE, b"\x03\xee"), 1002),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_frame_is_answered_with_a_close(name: str) -> None:
    data, code = WRONG[name]

    async def scenario() -> None:
        pair = Pair()
        await pair.send(data + b"trailing bytes")
        if code in (1003, 1009):  # the client's close is still waited for
            pair.theirs.shutdown(socket.SHUT_WR)
        frames = await pair.read_frames()
        assert frames.closed_with is not None
        assert frames.closed_with[0] == code
        await until(lambda: pair.owner.events == ["closing", code])

    asyncio.run(scenario())


def test_an_event_stream_ends_with_an_event() -> None:
    async def scenario() -> None:
        pair = Pair(Encoding.EVENTS)
        await pair.send(b"whatever a client sends")
        pair.connection.close(1001, "retry=1.5")
        assert await pair.receive() == (
            b'event: close\nretry: 1500\ndata: {"code":1001,"reason":"retry=1.5"}\n\n'
        )
        pair.theirs.close()
        await until(lambda: pair.owner.events == ["closing", 1001])

    asyncio.run(scenario())
