"""A client that does not read delays nobody, costs a frontier, and gets the difference later."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from server.hub.slow_clients import MAX_PINGS
from tests.server.fake_engine import FakeEngine
from tests.server.frames import PONG, FrameReader
from tests.server.served import Served, wait_for_clients
from tests.support.processes import wait_until
from viewstream.protocol import Base, Delta, Status, decode

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class RawClient:
    """A websocket over a socket with a small buffer, read only when the test does so."""

    def __init__(self, served: Served, path: str, extensions: str = "") -> None:
        host, port = served.url.removeprefix("http://").split(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        self.socket.settimeout(20)
        self.socket.connect((host, int(port)))
        offer = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{offer}"
            f"Sec-WebSocket-Key: {KEY}\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1)
        self.head = head.decode()
        assert self.head.startswith("HTTP/1.1 101 ")
        self.reader = FrameReader()

    def messages(self) -> Iterator[Base | Delta]:
        """All bases and deltas, until the connection ends."""
        while chunk := self.socket.recv(65536):
            self.reader.feed(chunk)
            for text in self.reader.messages():
                message = decode(text)
                if not isinstance(message, Status):
                    yield message

    def ping(self, payload: bytes) -> None:
        mask = b"\1\2\3\4"
        masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
        self.socket.sendall(struct.pack("!BB", 0x89, 0x80 | len(payload)) + mask + masked)


@contextlib.contextmanager
def raw(served: Served, path: str = "/view/stream?view=top10") -> Iterator[RawClient]:
    client = RawClient(served, path)
    try:
        yield client
    finally:
        client.socket.close()


def fill(served: Served, count: int, first: int = 1001) -> int:
    """Post so many large deltas that cancel each other out in the end; returns the head."""
    row = ("x" * 4000, "1")
    for n in range(first, first + count):
        diff = 1 if (n - first) % 2 == 0 else -1
        assert served.post(n, n + 1, *[(n, diff, (*row[:1], str(i))) for i in range(20)]).ok
    return first + count


NEVER = 600_000
"""Milliseconds that a client may stall in a test of something else, on a machine of any speed."""


@pytest.fixture
def patient(engine: FakeEngine) -> Iterator[Served]:
    with Served(engine, bounds={"hub": {"stall_after": NEVER}}) as served:
        yield served


def test_a_stalled_client_gets_what_is_left_of_the_difference(patient: Served) -> None:
    served = patient
    served.post(900, 1001)
    quick = served.open()
    quick.base()
    with raw(served) as slow:
        wait_for_clients(served, 2)
        head = fill(served, 100)  # 8 MB, which no kernel buffer here takes
        while quick.delta().upper < head:
            pass
        served.post(head, head + 1, (head, 1, ("Carol", "1")))
        assert quick.delta().upper == head + 1
        received: list[Base | Delta] = []
        for message in slow.messages():
            received.append(message)
            if message.upper == head + 1:
                break
        base, *deltas = received
        assert isinstance(base, Base)
        frontier = base.upper
        for delta in deltas:
            assert isinstance(delta, Delta)
            assert delta.lower == frontier, "not adjacent"
            frontier = delta.upper
        last = deltas[-1]
        assert isinstance(last, Delta)
        assert last.folded
        assert len(deltas) < 100
        assert len(last.updates) <= 21, "what came and went is not sent"
        served.post(head + 1, head + 2)
        assert next(slow.messages()).upper == head + 2, "it is as quick as the others again"


def test_a_client_that_stalls_too_long_is_closed(engine: FakeEngine) -> None:
    with Served(engine, bounds={"hub": {"stall_after": 4000}}) as served:
        served.post(900, 1001)
        with raw(served) as slow:
            fill(served, 200)  # 16 MB: a kernel buffer may grow to take 5
            wait_for_clients(served, 0)
            closed = False
            with contextlib.suppress(ConnectionResetError):
                for _ in slow.messages():
                    pass
                closed = True
            assert closed or slow.reader.closed_with is None
            if slow.reader.closed_with is not None:
                assert slow.reader.closed_with[0] == 4008


@contextlib.contextmanager
def in_the_middle_of_a_base(engine: FakeEngine) -> Iterator[tuple[Served, RawClient]]:
    """A client that has begun to take a base of 9 MB, and reads no further by itself."""
    engine.rows = [(f"row {n} " + "x" * 200, str(n)) for n in range(40_000)]
    bounds = {"hub": {"compress_from": None, "stall_after": NEVER}}
    with Served(engine, bounds=bounds) as served:
        served.post(900, 1001)
        with raw(served) as slow:
            wait_until(lambda: "clients_stalled 1.0" in served.metrics(), "the base to be written")
            yield served, slow


def test_pings_in_the_middle_of_a_base_are_answered_after_it(engine: FakeEngine) -> None:
    with in_the_middle_of_a_base(engine) as (served, slow):
        for _ in range(MAX_PINGS // 2):
            slow.ping(b"p" * 100)
        served.post(1001, 1002)
        messages = slow.messages()
        assert next(messages) == engine.base("top10")
        assert next(messages).upper == 1002
        head, frames = 1002, slow.reader.frames
        while sum(opcode == PONG for opcode, _ in frames) < MAX_PINGS // 2 or head < 1010:
            slow.ping(b"again")
            served.post(head, head + 1)
            head += 1
            assert next(messages).upper == head


def test_a_client_that_pings_on_and_reads_nothing_is_cut_off(engine: FakeEngine) -> None:
    with in_the_middle_of_a_base(engine) as (served, slow):
        with contextlib.suppress(ConnectionError):
            for _ in range(2 * MAX_PINGS):
                slow.ping(b"p" * 100)
        wait_for_clients(served, 0)


def test_a_shutdown_in_the_middle_of_a_base_is_sent_after_it(engine: FakeEngine) -> None:
    with in_the_middle_of_a_base(engine) as (served, slow):
        served.process.popen.terminate()
        messages = slow.messages()
        assert next(messages) == engine.base("top10")
        assert list(messages) == []
        assert slow.reader.closed_with is not None
        code, reason = slow.reader.closed_with
        assert code == 1001
        assert reason.startswith("retry=")


@pytest.mark.parametrize("ends", [False, True], ids=["ping", "shutdown"])
def test_the_websockets_library_reads_a_base_with_other_frames_queued_behind_it(
    engine: FakeEngine, ends: bool
) -> None:
    """Uses its protocol without its threads, so that the test decides when it reads."""
    with in_the_middle_of_a_base(engine) as (served, slow):
        protocol = ClientProtocol(parse_uri(served.address()), state=State.OPEN, max_size=None)
        if ends:
            served.process.popen.terminate()
        else:
            protocol.send_ping(b"are you there")
            slow.socket.sendall(b"".join(protocol.data_to_send()))
            served.health()
        events: list[Frame] = []
        while not any(frame.opcode in (Opcode.PONG, Opcode.CLOSE) for frame in events):
            chunk = slow.socket.recv(1 << 16)
            assert chunk, "the connection ended"
            protocol.receive_data(chunk)
            assert protocol.parser_exc is None
            events += [event for event in protocol.events_received() if isinstance(event, Frame)]
        texts = [decode(bytes(one.data)) for one in events if one.opcode is Opcode.TEXT]
        base, *_ = [message for message in texts if not isinstance(message, Status)]
        assert base == engine.base("top10")
        assert events[0].opcode is Opcode.TEXT


def test_the_log_is_kept_for_a_base_that_is_still_being_written(engine: FakeEngine) -> None:
    engine.rows = [(f"row {n} " + "x" * 200, str(n)) for n in range(40_000)]
    bounds = {"hub": {"compress_from": None, "stall_after": NEVER}}
    with Served(engine, "--log-bytes", "300K", bounds=bounds) as served:
        served.post(900, 1001)
        with raw(served) as slow:
            wait_until(lambda: "clients_stalled 1.0" in served.metrics(), "the base to be written")
            fill(served, 5)
            messages = slow.messages()
            assert isinstance(next(messages), Base)
            delta = next(messages)
            assert isinstance(delta, Delta), "it need not take another base"
            assert delta.lower == 1001


def test_memory_stays_flat_while_many_stall(engine: FakeEngine) -> None:
    bounds = {"hub": {"stall_after": NEVER}}
    with Served(engine, "--log-bytes", "2M", bounds=bounds) as served:
        served.post(900, 1001)
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(raw(served))
            wait_for_clients(served, 100)
            head = fill(served, 40)
            before = memory(served)
            fill(served, 80, first=head)
            assert memory(served) - before < 20_000, "KB, for 80 deltas of 80 KB"


def memory(served: Served) -> int:
    """Resident memory of the server in KB."""
    status = Path(f"/proc/{served.process.popen.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
