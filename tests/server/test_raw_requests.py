"""Requests as nobody sends them: each gets an answer, and the log no traceback."""

from __future__ import annotations

import json
import logging
import re
import socket
import struct
import sys
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.traceback_limit import MAX_TRACEBACKS, TracebackLimit
from tests.server.fake_engine import FakeEngine
from tests.server.requesting import UPGRADE, raw_request, request
from tests.server.served import Served, wait_for_clients

PATHS = [
    *("/", "/healthz", "/metrics", "/about.json", "/index.html", "/viewstream/index.js"),
    *("/view/stream", "/view/rows", "/view/frontier", "/view/deltas", "/view/nothing", "*", ""),
]
PIECES = st.sampled_from(
    ["", "?view=top10", "?view=", "?view=top10@1-u1:5", "?view=%00", "?view=%ff", "?view=\xe9", "#"]
)
NOISE = st.text(st.sampled_from("/.%0fa\x7f\xe9?&=;@:[]\\\"'{"), max_size=12)
HEADERS = st.sampled_from(
    [
        *("Origin: http://localhost", "Origin: http://[", "Origin: null", 'Cookie: a=\xff;;="'),
        *("Accept: text/event-stream", "Accept: */*", "Upgrade: websocket", "Connection: Upgrade"),
        *("Range: bytes=9-1", "Range: x", 'If-None-Match: W/"1", *', "If-Modified-Since: x"),
        *("Authorization: Bearer", "Authorization: \xff", "Last-Event-ID: a@b:c \xff%"),
        *("Content-Type: multipart/form-data", "Content-Type: application/json", "Expect: x"),
        *("Sec-WebSocket-Version: 12", "Sec-WebSocket-Key: x", "X-Forwarded-For: ,,\xff"),
        *("Sec-WebSocket-Extensions: permessage-deflate; =", "Sec-WebSocket-Protocol: bearer.,,"),
        *("Content-Length: 2", "Content-Length: 99999999999", "Content-Length: -1"),
    ]
)
METHODS = st.sampled_from(
    [*("GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "TRACE", "get", "G\xff")]
)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(METHODS, st.sampled_from(PATHS), NOISE, PIECES, st.lists(HEADERS, max_size=4, unique=True))
def test_any_request_gets_an_answer_and_refusals_are_json(
    shared_server: Served, method: str, path: str, noise: str, query: str, headers: list[str]
) -> None:
    lines = "\r\n".join([f"{method} {path}{noise}{query} HTTP/1.1", "Host: localhost", *headers])
    answer = exchange(shared_server, (lines + "\r\nConnection: close\r\n\r\n{}").encode("latin-1"))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), answer
    status = int(head.split()[1])
    assert status < 500 or status == 503, answer
    if status >= 400 and method != "HEAD":
        assert b"Content-Type: application/json" in head, answer
        assert "\n" not in json.loads(body)["error"]
    assert "Traceback" not in shared_server.process.stderr


@pytest.mark.parametrize(
    "data",
    [
        *(b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"),
        *(b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nx y\r\n\r\n"),
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ],
)
def test_a_malformed_request_is_refused_in_json(shared_server: Served, data: bytes) -> None:
    head, _, body = exchange(shared_server, data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body) == {"error": "expected a request of HTTP/1.1"}


CHUNKED = "Transfer-Encoding: chunked"
POST = "POST /view/deltas HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
AMBIGUOUS = {
    "no CR at all": "GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "no CR in a line": "GET /healthz HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
    "no CR at the end": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n",
    "LF first": "\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no LF": "GET /healthz HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
    "folded": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "blank before colon": "GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "NUL": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: \0\r\n\r\n",
    "two lengths": f"{POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}",
    "length and chunks": f"{POST}Content-Length: 2\r\n{CHUNKED}\r\n\r\n0\r\n\r\n",
    "two encodings": f"{POST}{CHUNKED}\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunk with extension": f"{POST}{CHUNKED}\r\n\r\n2;a=b\r\n{{}}\r\n0\r\n\r\n",
}
"""Requests that end, or have headers, where another program in front may not see it."""


@pytest.mark.parametrize("before", ["", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
@pytest.mark.parametrize("data", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_request_is_refused(shared_server: Served, before: str, data: str) -> None:
    """Also as the second request of a connection; the request behind it is not answered."""
    behind = "GET /about.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = exchange(shared_server, (before + data + behind).encode())
    statuses = re.findall(rb"^HTTP/1.1 (\d+)", answer, re.MULTILINE)
    assert statuses == ([b"200"] if before else []) + [b"400"], answer


def test_a_bare_newline_is_refused_before_the_head_is_whole(shared_server: Served) -> None:
    assert raw_request(shared_server, b"GET / HTTP/1.1\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost/healthz", "localhost", 200),
        ("HTTPS://LOCALHOST:80/healthz", "example.org", 200),
        ("http://localhost/view/rows?view=nosuch", "localhost", 404),
        ("http://localhost", "localhost", 200),
        ("http://localhost?a", "localhost", 200),
        ("http://example.org/healthz", "localhost", 403),
        ("http://localhost@example.org/healthz", "localhost", 400),
        ("ftp://localhost/healthz", "localhost", 404),
    ],
)
def test_a_target_may_be_absolute_and_its_host_counts(
    shared_server: Served, target: str, host: str, status: int
) -> None:
    answer = exchange(shared_server, f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer


def test_a_websocket_opens_at_an_absolute_target(shared_server: Served) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    target = "http://localhost/view/stream?view=top10"
    answer = exchange(shared_server, f"GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 101 "), answer


@pytest.mark.parametrize("size", [70_000, 300_000, 900_000])
def test_a_head_that_is_too_large_is_refused_in_json(shared_server: Served, size: int) -> None:
    request = f"GET / HTTP/1.1\r\nHost: localhost\r\nX: {'x' * size}\r\n\r\n"
    head, _, body = exchange(shared_server, request.encode()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 "), head
    assert json.loads(body) == {
        "error": "expected a head of at most 64 KiB, and lines of a usual length"
    }


def test_a_request_that_tornado_refuses_is_counted_and_logged(served: Served) -> None:
    """The second one has a chunk whose first line never ends."""
    exchange(served, b"GET / HTTP/9.9\r\n\r\n")
    body = b"Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n5\n" + b"x" * 99
    exchange(served, b"POST /view/deltas HTTP/1.1\r\nHost: localhost\r\n" + body)
    expected = r"refused a request from 127\.0\.0\.1: 400 expected a request of HTTP/1\.1"
    served.process.wait_for(expected)
    served.process.wait_for(r"refused a request from 127\.0\.0\.1: 431 ")
    metrics = served.metrics()
    assert 'viewstream_refusals_total{reason="malformed",status="400"} 1.0' in metrics
    assert 'viewstream_refusals_total{reason="head_size",status="431"} 1.0' in metrics


def exchange(served: Served, data: bytes) -> bytes:
    """Send `data` and all that there is; the beginning of the answer."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 20) as raw:
        answer = b""
        try:
            raw.sendall(data)
            raw.shutdown(socket.SHUT_WR)
            while len(answer) < 10_000 and (chunk := raw.recv(4096)):
                answer += chunk
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server closes before it has read a body that it refuses
        return answer


RESET = {
    "handshake": ("/view/stream?view=top10", UPGRADE),
    "refused handshake": ("/view/stream", {**UPGRADE, "Origin": "http://localhost"}),
    "event stream": ("/view/stream?view=top10", {"Accept": "text/event-stream"}),
    "rows": ("/view/rows?view=top10", {}),
    "file": ("/viewstream/index.js", {}),
}


@pytest.mark.parametrize("name", RESET)
def test_a_connection_that_is_reset_is_no_line_in_the_log(shared_server: Served, name: str) -> None:
    shared_server.post(900, 1001)
    path, headers = RESET[name]
    lines = "".join(
        f"{key}: {value}\r\n" for key, value in {"Host": "localhost", **headers}.items()
    )
    host, port = shared_server.url.removeprefix("http://").split(":")
    for _ in range(30):
        with socket.create_connection((host, int(port)), 20) as raw:
            # Close with a reset, at once.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    wait_for_clients(shared_server, 0)
    assert "Traceback" not in shared_server.process.stderr


def records(limit: TracebackLimit, times: list[float]) -> list[str]:
    """Messages of the records with a traceback that pass."""
    passed = []
    for at in times:
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            record = logging.LogRecord("x", 40, "f", 1, "%s failed", ("GET",), sys.exc_info())
        record.created = at
        if limit.filter(record):
            passed.append(record.getMessage())
    return passed


def test_tracebacks_are_few_a_minute_and_the_others_are_counted() -> None:
    limit = TracebackLimit()
    assert records(limit, [1000.0 + n for n in range(50)]) == ["GET failed"] * MAX_TRACEBACKS
    assert limit.filter(logging.LogRecord("x", 40, "f", 1, "no traceback", (), None))
    later = records(limit, [1061.0, 1062.0])
    assert later == ["GET failed (40 tracebacks before were left out)", "GET failed"]


def test_head_is_answered_as_get_without_a_body(served: Served) -> None:
    served.post(900, 1001)
    for path in [
        *("/", "/viewstream/index.js", "/healthz", "/about.json", "/view/frontier?view=top10"),
        *("/view/rows?view=top10", "/view/rows?view=top10&format=csv", "/view/rows?view=nosuch"),
        "/view/nothing",
    ]:
        head, get = (ask(served.url + path, timeout=20) for ask in (requests.head, requests.get))
        assert head.status_code == get.status_code, path
        assert head.content == b""
        for name in ("Content-Type", "Content-Length", "ETag"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    events = requests.head(
        served.address().replace("ws", "http", 1),
        headers={"Accept": "text/event-stream"},
        timeout=20,
    )
    assert (events.status_code, events.headers["Content-Type"]) == (200, "text/event-stream")
    wait_for_clients(served, 0)
    metrics = requests.head(served.url + "/metrics", timeout=20)
    assert (metrics.status_code, metrics.content) == (200, b"")


@pytest.mark.parametrize("path", ["/healthz", "/", "/view/deltas"])
def test_a_refused_method_names_those_that_are_allowed(shared_server: Served, path: str) -> None:
    response = requests.put(shared_server.url + path, timeout=20)
    assert response.status_code == 405
    assert response.headers["Allow"] == ("POST" if path == "/view/deltas" else "GET, HEAD")


def test_files_whose_names_begin_with_a_dot_are_not_served(
    engine: FakeEngine, tmp_path: Path
) -> None:
    for name in (".env", ".git/config", "a/.env", ".well-known/security.txt", "page.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("content")
    with Served(engine, "--static", str(tmp_path)) as served:
        (tmp_path / "link.txt").symlink_to(".env")
        (tmp_path / "git").symlink_to(".git")
        (tmp_path / "same.html").symlink_to("page.html")
        for path, status in [
            ("/link.txt", 404),
            ("/git/config", 404),
            ("/same.html", 200),
            ("/page.html", 200),
            ("/.well-known/security.txt", 200),
            ("/.env", 404),
            ("/%2eenv", 404),
            ("/a/.env", 404),
            ("/.git/config", 404),
            ("/a/../.git/config", 404),
        ]:
            raw = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            answer = raw_request(served, raw.encode())
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (path, answer)


def test_a_range_that_a_file_does_not_have_is_refused_in_json(shared_server: Served) -> None:
    status, sentence = request(
        shared_server, "GET", "/viewstream/index.js", {"Range": "bytes=9999999-"}
    )
    assert (status, sentence) == (416, "requested range not satisfiable")
