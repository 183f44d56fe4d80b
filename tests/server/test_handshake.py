"""Handshakes by RFC 6455, on both ways in: plain connections, and TLS by way of Tornado."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator

import pytest

from server.access.refusal import Refusal
from server.framing import Encoding
from server.wire.handshake import Handshake, StreamRequest, parse_stream_request
from tests.server.fake_engine import FakeEngine
from tests.server.frames import FrameReader
from tests.server.served import Served
from tests.server.test_tls import TLS
from viewstream.protocol import Base, decode

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEADERS = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}
ACCEPT = "Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455."""
PATH = "/view/stream?view=top10"


@pytest.fixture(scope="module", params=[(), TLS], ids=["plain", "TLS"])
def either(shared_engine: FakeEngine, request: pytest.FixtureRequest) -> Iterator[Served]:
    with Served(shared_engine, *request.param) as served:
        yield served


def connect(served: Served) -> socket.socket:
    scheme, _, address = served.url.partition("://")
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), 20)
    if scheme == "http":
        return connection
    context = ssl.create_default_context(cafile=TLS[1])
    return context.wrap_socket(connection, server_hostname=host)


def head(changes: dict[str, str | None] | None = None, line: str = f"GET {PATH} HTTP/1.1") -> bytes:
    """A handshake with other headers; those that are None are left out."""
    headers = {**HEADERS, **(changes or {})}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([line, *lines, "", ""]).encode()


def read_head(connection: socket.socket) -> str:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(1)
        assert chunk, received
        received += chunk
    return received.decode()


GOOD: dict[str, dict[str, str | None]] = {
    "as it is": {},
    "names in capitals": {"UPGRADE": "websocket", "Upgrade": None},
    "WebSocket in capitals": {"Upgrade": "WebSocket"},
    "several tokens": {"Connection": "keep-alive, upgrade"},
    "an unknown extension": {"Sec-WebSocket-Extensions": "x-webkit-deflate-frame"},
    "subprotocols": {"Sec-WebSocket-Protocol": "chat, superchat"},
    "a letter that is not ASCII": {"X-Name": "M\u00fcller"},
    "an empty header": {"X-Empty": ""},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_handshake_opens_a_websocket(either: Served, name: str) -> None:
    with connect(either) as connection:
        connection.sendall(head(GOOD[name]))
        answer = read_head(connection).split("\r\n")
        assert answer[0] == "HTTP/1.1 101 Switching Protocols"
        assert {"Upgrade: websocket", "Connection: Upgrade", ACCEPT} <= set(answer)
        assert not any("Protocol" in line or "Extensions" in line for line in answer[1:])
        reader = FrameReader()
        while not (texts := reader.messages()) or not isinstance(decode(texts[0]), Base):
            reader.feed(connection.recv(1 << 16))


BAD: dict[str, tuple[dict[str, str | None], str, int, str]] = {
    "HTTP/1.0": ({}, f"GET {PATH} HTTP/1.0", 400, "found GET of HTTP/1.0"),
    "POST": ({"Content-Length": "0"}, f"POST {PATH} HTTP/1.1", 400, "expected a GET of HTTP/1.1"),
    "no Upgrade": ({"Upgrade": None, "Accept": "text/html"}, "", 426, "expected a websocket, or"),
    "another Upgrade": ({"Upgrade": "h2c"}, "", 426, "expected a websocket, or"),
    "no Connection": ({"Connection": None}, "", 400, "expected the header Connection: Upgrade"),
    "another Connection": ({"Connection": "keep-alive"}, "", 400, "found 'keep-alive'"),
    "no version": ({"Sec-WebSocket-Version": None}, "", 426, "13, found None"),
    "an old version": ({"Sec-WebSocket-Version": "8"}, "", 426, "found '8'"),
    "no key": ({"Sec-WebSocket-Key": None}, "", 400, "expected 16 bytes in base64"),
    "a key of 3 bytes": ({"Sec-WebSocket-Key": "YWJj"}, "", 400, "found 'YWJj'"),
    "a key of 17 bytes": ({"Sec-WebSocket-Key": "YWFhYWFhYWFhYWFhYWFhYWE="}, "", 400, "16 bytes"),
    "a key that is no base64": ({"Sec-WebSocket-Key": "!" * 24}, "", 400, "expected 16 bytes"),
    "a key without padding": ({"Sec-WebSocket-Key": KEY.rstrip("=")}, "", 400, "16"),
    "two keys": ({"sec-websocket-key": KEY}, "", 400, "16 bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_handshake_gets_a_status_and_a_sentence(either: Served, name: str) -> None:
    """Also with an Origin: it is no handshake of a browser."""
    changes, line, status, words = BAD[name]
    for origin in ({}, {"Origin": "https://localhost"}):
        with connect(either) as connection:
            connection.sendall(head({**changes, **origin}, line or f"GET {PATH} HTTP/1.1"))
            answer = read_head(connection)
            assert answer.startswith((f"HTTP/1.1 {status} ", f"HTTP/1.0 {status} ")), answer
            size = int(answer.partition("Content-Length: ")[2].partition("\r\n")[0])
            assert words in json.loads(connection.recv(size))["error"]
            assert ("Sec-Websocket-Version: 13" in answer.title()) == (status == 426)


def test_a_handshake_may_come_byte_by_byte(either: Served) -> None:
    with connect(either) as connection:
        for byte in head():
            connection.sendall(bytes([byte]))
        assert read_head(connection).startswith("HTTP/1.1 101 ")


def test_frames_may_follow_the_handshake_at_once(either: Served) -> None:
    ping, close = b"\x89\x82" + bytes(4) + b"hi", b"\x88\x82" + bytes(4) + b"\x0f\xa0"
    with connect(either) as connection:
        connection.sendall(head() + ping + close)
        read_head(connection)
        received = b""
        with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
            while chunk := connection.recv(1 << 16):
                received += chunk
        reader = FrameReader()
        reader.feed(received)
        reader.messages()
        assert b"\x8a\x02hi" in received
        assert reader.closed_with == (4000, "")


FRAMES = {
    "not masked": (b"\x89\x00", 1002),
    "a message": (b"\x81\x85" + bytes(4) + b"hello", 1003),
    "a large message": (b"\x82\xfe\x04\x01" + bytes(4 + 1025), 1009),
    "a code that is never sent": (b"\x88\x82" + bytes(4) + b"\x03\xee", 1002),
    "a reason that is no UTF-8": (b"\x88\x83" + bytes(4) + b"\x03\xe8\xff", 1007),
    "a reserved bit": (b"\xc1\x80" + bytes(4), 1002),
    "a ping in parts": (b"\x09\x80" + bytes(4), 1002),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_wrong_frame_closes_the_websocket_with_a_code(either: Served, name: str) -> None:
    data, code = FRAMES[name]
    with connect(either) as connection:
        connection.sendall(head())
        read_head(connection)
        connection.sendall(data)
        reader = FrameReader()
        while reader.closed_with is None:
            chunk = connection.recv(1 << 16)
            assert chunk, "closed without a close frame"
            reader.feed(chunk)
            reader.messages()
        assert reader.closed_with[0] == code


def parse(data: bytes) -> StreamRequest | None:
    found = parse_stream_request(data, compresses=True)
    return None if found is None else found[0]


def test_a_doubtful_head_is_left_to_tornado() -> None:
    good = head()
    assert parse(good) is not None
    for doubtful in (
        good.replace(b"\r\n", b"\n"),
        good.replace(b"GET ", b"get "),
        good.replace(b"HTTP/1.1", b"HTTP/1.0"),
        good.replace(b"?view", b"/?view"),
        good.replace(b" /view", b"  /view"),
        good.replace(b"Host:", b"Host :"),
        good.replace(b"Host:", b" Host:"),
        good.replace(b"localhost", b"local\x00host"),
        good.replace(b"localhost", b"local\rhost"),
        good.replace(b"top10", b"top\xff"),
        good.replace(b"top10", b"%ff"),
        good.replace(b"Host: localhost\r\n", b"Host\r\n"),
        head({"Content-Length": "5"}),
        head({"Transfer-Encoding": "chunked"}),
        head({"Upgrade": "h2c"}),
        good[:-2],
        good + b"\r\n",
        b"GET http://localhost/view/stream HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        assert parse(doubtful) is None, doubtful


def test_headers_are_spelled_as_tornado_does_and_joined() -> None:
    request = parse(head({"x-a": " 1 ", "X-A": "2", "Origin": "null"}))
    assert request is not None
    assert request.headers["X-A"] == "1,2"
    assert request.headers["Sec-Websocket-Version"] == "13"
    assert request.arguments == {"view": ["top10"]}


def test_heads_that_differ_in_their_keys_only_are_parsed_once() -> None:
    one, other = KEY, "AQIDBAUGBwgJCgsMDQ4PEA=="
    found = [
        parse_stream_request(head({"Sec-WebSocket-Key": key}), compresses=True)
        for key in (one, other)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0][0] is found[1][0]
    assert [key.decode() for _, key in found if key] == [one, other]
    assert parse(head({"Sec-WebSocket-Extensions": "permessage-deflate"})) is not found[0][0]


@pytest.mark.parametrize("compresses", [False, True])
def test_an_offer_of_deflate_is_taken_only_where_it_is_allowed(compresses: bool) -> None:
    offering = head({"Sec-WebSocket-Extensions": "permessage-deflate"})
    for data in (offering, offering.replace(b"WebSocket-Key", b"Websocket-Key")):
        found = parse_stream_request(data, compresses=compresses)
        assert found is not None
        handshake = found[0].handshake
        assert isinstance(handshake, Handshake)
        assert (handshake.encoding is Encoding.DEFLATED_FRAMES) == compresses
        assert (b"permessage-deflate" in handshake.choices) == compresses


@pytest.mark.parametrize(
    "changes",
    [
        {"sec-websocket-key": KEY},
        {"sec-websocket-key": ""},
        {"Sec-WebSocket-Key": KEY + "="},
        {"Sec-WebSocket-Key": KEY[:-2] + "!="},
        {"Sec-WebSocket-Key": None},
    ],
)
def test_a_head_without_exactly_one_good_key_is_refused(changes: dict[str, str | None]) -> None:
    parse(head())  # so that all but the key was parsed before
    request = parse(head(changes))
    assert request is not None
    assert isinstance(request.handshake, Refusal)
    assert request.handshake.status == 400


def test_a_bad_handshake_with_a_bad_key_is_refused_for_the_handshake() -> None:
    request = parse(head({"Sec-WebSocket-Version": "8", "Sec-WebSocket-Key": "x"}))
    assert request is not None
    assert isinstance(request.handshake, Refusal)
    assert request.handshake.status == 426
