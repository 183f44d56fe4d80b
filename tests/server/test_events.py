"""GET /view/stream as server-sent events, over real sockets and in a browser."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from typing import Self

import pytest
import requests
from playwright.sync_api import Browser

from scripts.ports import free_port
from server.framing import Encoding, Message, encode_event_id, parse_event_id
from tests.server.event_reader import EventReader, ReadEvent
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served, wait_for_clients
from tests.server.test_tls import TLS
from tests.static.conftest import chromium
from tests.support.processes import PATIENCE, wait_until
from viewstream.protocol import (
    Base,
    Delta,
    Position,
    ProtocolError,
    Status,
    decode,
    encode,
)
from viewstream.protocol import (
    Message as AnyMessage,
)

__all__ = ["chromium"]  # a fixture

EVENTS = {"Accept": "text/event-stream"}


class EventClient:
    """A strict client, read only when the test says so."""

    def __init__(self, served: Served, query: str, **headers: str) -> None:
        scheme, _, address = served.url.partition("://")
        host, port = address.split(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        self.socket.settimeout(20)
        self.socket.connect((host, int(port)))
        if scheme == "https":
            context = ssl.create_default_context(cafile=TLS[1])
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
        sent = {"Host": address, **EVENTS, **{k.replace("_", "-"): v for k, v in headers.items()}}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self.socket.sendall(f"GET /view/stream{query} HTTP/1.1\r\n{lines}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1)
        self.head = head.decode()
        self.reader = EventReader()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def events(self) -> Iterator[ReadEvent]:
        """All events; until the connection ends."""
        while True:
            while self.reader.events:
                yield self.reader.events.pop(0)
            chunk = self.socket.recv(65536)
            if not chunk:
                return
            self.reader.feed(chunk)

    def until(self, position: str) -> AnyMessage:
        """The next message after which the client is at that position."""
        while True:
            message, found = self.next_rows()
            if found == position:
                return message

    def next_rows(self) -> tuple[AnyMessage, str]:
        """The next base or delta, and its id."""
        for event in self.events():
            if event.type != "status":
                message = decode(event.data)
                assert event.type == type(message).__name__.lower()
                return message, event.id
        raise AssertionError("the connection ended")


def id_of(epoch: str, **frontiers: int) -> str:
    positions = [(name, Position(epoch, frontier)) for name, frontier in frontiers.items()]
    return encode_event_id(positions).decode()


# --- the format ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["top10", "a b", "we@ird", "ü\n", "public.top10", "50%"])
def test_an_id_holds_any_name(name: str) -> None:
    positions = [("other", Position("1-u2", 7)), (name, Position("1-u1", 5))]
    encoded = encode_event_id(positions).decode()
    assert encoded.isascii()
    assert "\n" not in encoded
    assert parse_event_id(encoded) == dict(positions)


@pytest.mark.parametrize("text", ["top10", "top10@x", "top10@1-u1", "@", "a@1-u1:x b@1-u1:5"])
def test_a_malformed_id_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_event_id(text)


def test_a_message_is_encoded_as_an_event_once_for_an_id() -> None:
    message = Message(encode(Status("v", "live", "a\nb")))
    event = message.encoded(Encoding.EVENTS, b"v@1-u1:5")
    assert event == (
        b"event: status\nid: v@1-u1:5\n"
        b'data: {"type":"status","view":"v","state":"live","reason":"a\\nb"}\n\n'
    )
    assert message.encoded(Encoding.EVENTS, b"v@1-u1:5") is event
    for n in range(100):
        message.encoded(Encoding.EVENTS, b"v@1-u1:%d" % n)
    assert len(message._events) <= 4


# --- a server --------------------------------------------------------------------------------


def test_base_deltas_and_ids(served: Served) -> None:
    served.post(900, 1001)
    epoch = served.engine.epoch
    with EventClient(served, "?view=top10") as client:
        lines = client.head.split("\r\n")
        assert lines[0] == "HTTP/1.1 200 OK"
        assert "Content-Type: text/event-stream" in lines
        assert "Cache-Control: no-store" in lines
        assert "X-Accel-Buffering: no" in lines
        assert client.next_rows() == (served.engine.base("top10"), id_of(epoch, top10=1001))
        for upper in (1002, 1003):
            served.post(upper - 1, upper, (upper - 1, 1, ("Eve", "1")))
            delta, position = client.next_rows()
            assert isinstance(delta, Delta)
            assert (delta.lower, delta.upper) == (upper - 1, upper)
            assert position == id_of(epoch, top10=upper)
    wait_for_clients(served, 0)
    wait_until(lambda: 'viewstream_disconnects_total{code="1006"' in served.metrics(), "the count")


def test_last_event_id_resumes_and_replaces_the_positions_of_the_address(served: Served) -> None:
    served.post(900, 1001)
    served.post(1001, 1010, (1005, 1, ("Carol", "1")))
    epoch = served.engine.epoch
    query = f"?view=top10@{epoch}:1009"
    with EventClient(served, query, Last_Event_ID=id_of(epoch, top10=1003)) as client:
        delta, position = client.next_rows()
        assert isinstance(delta, Delta)
        assert (delta.lower, delta.upper, len(delta.updates)) == (1003, 1010, 1)
        assert position == id_of(epoch, top10=1010)
    with EventClient(served, query, Last_Event_ID=id_of(epoch, other=1003)) as client:
        assert isinstance(client.next_rows()[0], Base), "the id has no position of this view"
    with EventClient(served, query) as client:
        assert client.next_rows()[0].lower == 1009  # type: ignore[union-attr]


def test_the_id_has_the_position_of_every_view(engine: FakeEngine) -> None:
    with Served(engine, views=("a", "b", "c")) as served:
        for view in "ab":
            served.post(900, 1001, view=view)
        epoch = engine.epoch
        with EventClient(served, "?view=a&view=b") as client:
            client.until(id_of(epoch, a=1001, b=1001))
            served.post(1001, 1005, view="b")
            assert client.next_rows()[1] == id_of(epoch, a=1001, b=1005)
            served.post(1001, 1002, view="a")
            assert client.next_rows()[1] == id_of(epoch, a=1002, b=1005)
        # No pipeline posts c: a client can have a position in it without being live there.
        with EventClient(served, f"?view=c@{epoch}:990&view=a") as client:
            client.until(id_of(epoch, a=1002, c=990))
            served.post(1002, 1003, view="a")
            assert client.next_rows()[1] == id_of(epoch, a=1003, c=990)
            served.post(985, 995, view="c")
            assert client.next_rows()[1] == id_of(epoch, a=1003, c=995)
            served.post(1003, 1004, view="a")
            assert client.next_rows()[1] == id_of(epoch, a=1004, c=995)


REFUSALS: dict[str, tuple[str, dict[str, str], int, str]] = {
    "no view": ("", {}, 400, "expected at least one view"),
    "unknown view": ("?view=nix", {}, 404, "no view 'nix'; there is top10"),
    "malformed id": ("?view=top10", {"Last-Event-ID": "top10@x"}, 400, "expected EPOCH:FRONTIER"),
    "foreign origin": ("?view=top10", {"Origin": "http://evil.example"}, 403, "the origin"),
    "foreign host": ("?view=top10", {"Host": "evil.example"}, 403, "the host 'evil.example'"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_a_status_and_a_sentence(shared_server: Served, name: str) -> None:
    query, headers, status, words = REFUSALS[name]
    answer = requests.get(
        f"{shared_server.url}/view/stream{query}", headers={**EVENTS, **headers}, timeout=20
    )
    assert (answer.status_code, answer.json()["error"][: len(words)]) == (status, words)


def test_a_full_server_refuses_event_streams_too(engine: FakeEngine) -> None:
    with Served(engine, "--max-clients", "1") as served, EventClient(served, "?view=top10"):
        wait_for_clients(served, 1)
        url = f"{served.url}/view/stream?view=top10"
        assert requests.get(url, headers=EVENTS, timeout=20).status_code == 503


def test_an_unknown_view_among_several_is_a_status(served: Served) -> None:
    with EventClient(served, "?view=nix&view=top10") as client:
        event = next(client.events())
        assert decode(event.data) == Status("nix", "refused", "no view 'nix'; there is top10")
        assert client.next_rows()[0] == served.engine.base("top10")
    position = id_of("1606000000000-u9", top10=5)
    with EventClient(served, "?view=nix&view=top10", Last_Event_ID=position) as client:
        assert next(client.events()).id == position, "a status leaves the id as it was"


def test_pages_of_allowed_origins_may_read_the_events(engine: FakeEngine) -> None:
    with Served(engine, "--origin", "https://example.org") as served:
        with EventClient(served, "?view=top10", Origin="https://example.org") as client:
            assert "Access-Control-Allow-Origin: https://example.org" in client.head.split("\r\n")
            assert client.next_rows()[0] == engine.base("top10")
        with EventClient(served, "?view=top10") as client:
            assert "Access-Control-Allow-Origin" not in client.head


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_shutdown_is_the_last_event(engine: FakeEngine, tls: bool) -> None:
    with Served(engine, *(TLS if tls else ())) as served, EventClient(served, "?view=top10") as it:
        base, _ = it.next_rows()
        assert base == engine.base("top10")
        served.process.send(signal.SIGTERM)
        *_, last = it.events()
        assert last.type == "close"
        data = json.loads(last.data)
        assert data["code"] == 1001
        assert last.retry == round(1000 * float(data["reason"].removeprefix("retry=")))


def test_a_client_that_reads_nothing_is_closed(engine: FakeEngine) -> None:
    engine.rows = [(f"row {n} " + "x" * 200, str(n)) for n in range(40_000)]
    with (
        Served(engine, bounds={"hub": {"stall_after": 500}}) as served,
        EventClient(served, "?view=top10") as client,
    ):
        wait_until(
            lambda: 'viewstream_disconnects_total{code="4008"' in served.metrics(),
            "the client to be closed",
        )
        wait_for_clients(served, 0)
        with contextlib.suppress(ConnectionResetError):
            for event in client.events():
                assert event.type in ("status", "base", "close")


def test_a_slow_client_gets_the_difference(served: Served) -> None:
    served.post(900, 1001)
    with EventClient(served, "?view=top10") as slow:
        assert isinstance(slow.next_rows()[0], Base)
        head = 1001
        while "clients_stalled 1.0" not in served.metrics():
            row = ("x" * 80_000, str(head))
            served.post(head, head + 1, (head, 1, row))
            served.post(head + 1, head + 2, (head + 1, -1, row))
            head += 2
        served.post(head, head + 1, (head, 1, ("Carol", "1")))
        frontier = 1001
        while frontier < head + 1:
            message, position = slow.next_rows()
            if isinstance(message, Base):
                frontier = message.upper
                continue
            assert isinstance(message, Delta)
            assert message.lower == frontier, "not adjacent"
            frontier = message.upper
            assert position == id_of(served.engine.epoch, top10=frontier)


def test_curl_shows_the_stream(served: Served) -> None:
    served.post(900, 1001)
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = ["curl", "-sN", "--max-time", f"{PATIENCE:g}", f"{served.url}/view/stream?view=top10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        lines = iter(curl.stdout)
        while next(lines) != "event: base\n":
            pass
        assert next(lines) == f"id: {id_of(served.engine.epoch, top10=1001)}\n"
        assert decode(next(lines).removeprefix("data: ")) == served.engine.base("top10")
        curl.terminate()


FOLLOW = """
(address) => {
  window.seen = [];
  window.source = new EventSource(address);
  const keep = (event) => seen.push([event.lastEventId, JSON.parse(event.data)]);
  for (const type of ["base", "delta"]) source.addEventListener(type, keep);
}
"""


def test_a_browser_follows_and_resumes(chromium: Browser, engine: FakeEngine) -> None:
    """EventSource reconnects by itself, when the last event said so, with the id of the last."""
    with chromium.new_context() as context:
        page = context.new_page()
        address = f"127.0.0.1:{free_port()}"
        with Served(engine, "--listen", address) as served:
            served.post(900, 1001)
            page.goto(served.url + "/healthz")
            page.evaluate(FOLLOW, served.url + "/view/stream?view=top10")
            page.wait_for_function("seen.length === 1")
            served.process.send(signal.SIGTERM)
            assert served.process.wait() == 0
        with Served(engine, "--listen", address) as served:
            served.post(900, 1001)
            served.post(1001, 1002, (1001, 1, ("Eve", "1")))
            page.wait_for_function("seen[seen.length - 1][1].upper === 1002")
            seen = page.evaluate("seen")
        assert [message["type"] for _, message in seen[:2]] == ["base", "delta"]
        assert all(message["type"] == "delta" for _, message in seen[1:]), "no second base"
        assert seen[0][0] == id_of(engine.epoch, top10=1001)
        assert seen[-1][0] == id_of(engine.epoch, top10=1002)
        rows = [update for _, message in seen[1:] for update in message["updates"]]
        assert rows == [[1001, 1, ["Eve", "1"]]]
