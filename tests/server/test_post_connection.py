"""A pipeline's connection: posts one by one, in pieces, together, and those that Tornado takes."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from server.wire.heads import SimilarHeads, head_size, parse_head
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from viewstream.protocol import Delta, encode

HEADERS = {"Host": "localhost", "Content-Type": "application/json"}


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class Pipeline:
    """A raw connection that posts."""

    def __init__(self, served: Served) -> None:
        host, port = served.url.removeprefix("http://").split(":")
        self.served = served
        self.socket = socket.create_connection((host, int(port)), 20)
        self._file = self.socket.makefile("rb")

    def request(self, lower: int, upper: int, text: str = "", **headers: str) -> bytes:
        """The bytes of one post, of one row if it has a `text`."""
        updates = [(lower, 1, (text, "1"))] if text else []
        delta = Delta("top10", self.served.engine.epoch, lower, upper, updates)
        return self.with_body(encode(delta), **headers)

    def with_body(self, body: bytes, **headers: str) -> bytes:
        sent = {**HEADERS, **{k.replace("_", "-"): v for k, v in headers.items()}}
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        head = f"POST /view/deltas HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> Answered:
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while text := self._file.readline().decode().rstrip("\r\n"):
            name, _, value = text.partition(": ")
            headers[name] = value
        body = self._file.read(int(headers["Content-Length"]))
        return Answered(int(line.split()[1]), headers, json.loads(body))


@contextlib.contextmanager
def pipeline(served: Served) -> Iterator[Pipeline]:
    connected = Pipeline(served)
    try:
        yield connected
    finally:
        connected.socket.close()


@pytest.fixture
def connected(served: Served) -> Iterator[Pipeline]:
    served.open().base()  # so that the epoch is known
    with pipeline(served) as connected:
        yield connected


def test_posts_follow_each_other_on_one_connection(connected: Pipeline) -> None:
    for upper in range(1001, 1011):
        connected.send(connected.request(upper - 1, upper, "a row"))
        status, headers, body = connected.answer()
        assert (status, body) == (200, {"head": upper, "taken": True})
        assert headers["Content-Type"] == "application/json"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Date"].endswith(" GMT")
    connected.send(connected.request(1005, 1006))
    assert connected.answer().body == {"head": 1010, "taken": False}


def test_a_post_may_come_byte_by_byte(connected: Pipeline) -> None:
    for byte in connected.request(900, 1001, "a row"):
        connected.send(bytes([byte]))
    assert connected.answer().body == {"head": 1001, "taken": True}


def test_posts_that_come_together_are_answered_in_order(connected: Pipeline) -> None:
    watcher = connected.served.open()
    watcher.base()
    uppers = range(1001, 1201)
    posts = b"".join(connected.request(n - 1, n, "a row") for n in uppers)
    connected.send(posts[:5000])
    connected.send(posts[5000:])
    assert [connected.answer().body["head"] for _ in uppers] == list(uppers)
    frontier = 1001
    while frontier < 1200:
        frontier = watcher.delta().upper


def test_a_large_body_is_taken(connected: Pipeline) -> None:
    connected.send(connected.request(900, 1001, "x" * 3_000_000))
    connected.send(connected.request(1001, 1002))
    assert [connected.answer().body["head"] for _ in range(2)] == [1001, 1002]


def test_refusals_leave_the_connection_open(connected: Pipeline) -> None:
    served = connected.served
    connected.send(connected.request(1000, 1005))
    assert connected.answer().status == 200
    old = Delta("top10", "1606000000000-u9", 5, 6, [])
    cases = [
        (encode(old), 410, {"epoch": served.engine.epoch}),
        (b"{", 400, {}),
        (encode(Delta("nix", served.engine.epoch, 5, 6, [])), 404, {}),
        (encode(Delta("top10", served.engine.epoch, 1010, 1011, [])), 409, {"head": 1005}),
    ]
    for body, status, fields in cases:
        connected.send(connected.with_body(body))
        found = connected.answer()
        assert found.status == status, found
        assert fields.items() <= found.body.items()
        assert found.body["error"]
    connected.send(connected.request(1005, 1006))
    assert connected.answer().status == 200
    served.process.wait_for("refused POST '/view/deltas' from 127.0.0.1: 404 no view 'nix'")


def test_a_new_epoch_is_asked_for_and_then_posted_on(engine: FakeEngine) -> None:
    with Served(engine) as served:
        served.open().base()
        with pipeline(served) as connected:
            connected.send(connected.request(900, 1001))
            assert connected.answer().status == 200
            engine.id = "u8"
            for upper in (1001, 1002):
                connected.send(connected.request(upper - 1, upper))
            assert [connected.answer().body["head"] for _ in range(2)] == [1001, 1002]


OTHERS = {
    "a body in chunks": {"Transfer_Encoding": "chunked"},
    "an expectation": {"Expect": "100-continue"},
    "the last request": {"Connection": "close"},
    "an origin": {"Origin": "http://evil.example"},
    "a foreign host": {"Host": "evil.example"},
    "another type": {"Content_Type": "text/plain"},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_requests_are_passed_on_with_what_was_read(connected: Pipeline, name: str) -> None:
    connected.send(connected.request(1000, 1005))
    assert connected.answer().status == 200
    data = connected.request(1005, 1006, **OTHERS[name])
    if "chunks" in name:
        head, _, body = data.partition(b"\r\n\r\n")
        head = b"\r\n".join(line for line in head.split(b"\r\n") if b"Length" not in line)
        data = head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    connected.send(data)
    if "expectation" in name:
        assert connected._file.readline() == b"HTTP/1.1 100 (Continue)\r\n"
        assert connected._file.readline() == b"\r\n"
    status = connected.answer().status
    assert status == (
        415 if "type" in name else 403 if "host" in name or "Ori" in data.decode() else 200
    )


def test_another_path_may_follow_on_the_connection(connected: Pipeline) -> None:
    connected.send(connected.request(1000, 1005))
    connected.send(b"GET /view/frontier?view=top10 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connected.answer().status == 200
    assert connected.answer().body["frontier"] == 1005


def test_a_pipeline_that_reads_no_answers_is_not_read_either(connected: Pipeline) -> None:
    """Otherwise the answers that it does not take would grow without bound."""
    post = connected.request(1000, 1001)
    connected.socket.settimeout(0.5)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 400_000_000:
            sent += connected.socket.send(post * 1000)
    assert sent < 400_000_000
    connected.socket.settimeout(20)
    for _ in range(min(1000, sent // len(post))):
        assert connected.answer().status == 200


def test_a_head_is_plain_or_left_alone() -> None:
    head = b"POST /view/deltas HTTP/1.1\r\nhost: a\r\nx-b: 1\r\nX-B:\t2 \r\n\r\n"
    assert head_size(head + b"body") == len(head)
    assert head_size(head[:-1]) == 0
    parsed = parse_head(head)
    assert parsed is not None
    assert parsed == ("POST", "/view/deltas", {"Host": "a", "X-B": "1,2"})
    for doubtful in (
        head.replace(b"\r\n", b"\n"),
        head.replace(b"HTTP/1.1", b"HTTP/1.0"),
        head.replace(b"POST", b"PUT"),
        head.replace(b"/view", b"http://a/view"),
        head.replace(b"host:", b"host :"),
        head.replace(b"x-b:", b" x-b:"),
        head.replace(b": 1", b": \x01"),
    ):
        assert parse_head(doubtful) is None, doubtful


def test_posts_of_any_size_follow_each_other(connected: Pipeline) -> None:
    sizes = [1, 10, 9, 1000, 999, 70_000, 2]
    posts = [connected.request(1000 + n, 1001 + n, "x" * size) for n, size in enumerate(sizes)]
    connected.send(connected.request(900, 1000))
    connected.send(b"".join(posts))
    heads = [connected.answer().body["head"] for _ in range(1 + len(sizes))]
    assert heads == list(range(1000, 1001 + len(sizes)))


def test_heads_are_similar_if_only_the_length_differs() -> None:
    head = b"POST / HTTP/1.1\r\nA: 1\r\ncontent-LENGTH:\t12\r\nB: 2\r\n\r\n"
    similar = SimilarHeads(head)
    for length in (b"0", b"7", b"12", b"123456789012345"):
        data = b"before" + head.replace(b"12\r", length + b"\r") + b"a body"
        assert similar.body_of(data, 6) == (len(data) - 6, int(length))
    for other in (
        head[:-1],
        head.replace(b"A: 1", b"A: 2"),
        head.replace(b"B: 2", b"B: 3"),
        head.replace(b"12\r", b"\r"),
        head.replace(b"12\r", b"+12\r"),
        head.replace(b"12\r", b"1 2\r"),
        head.replace(b"12\r", b"1" * 17 + b"\r"),
        head.replace(b"B: 2", b"B: 2\r\nContent-Length: 3"),
    ):
        assert similar.body_of(other, 0) is None, other
