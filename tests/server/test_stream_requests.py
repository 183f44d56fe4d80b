"""Refusals of websockets: a status for programs, a close with a reason for pages."""

from __future__ import annotations

import contextlib
import socket

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from server.http.open_connections import MAX_REFUSED
from tests.server.fake_engine import FakeEngine
from tests.server.requesting import UPGRADE, closed_with, raw_request, request
from tests.server.served import Served, wait_for_clients
from tests.support.processes import wait_until
from viewstream.protocol import Status

STREAM_REFUSALS = {
    "no websocket": (
        "/view/stream?view=top10",
        {"Upgrade": "no"},
        426,
        "or Accept: text/event-stream",
    ),
    "unreadable origin": ("/view/stream?view=top10", {"Origin": "http://["}, 403, "the origin"),
    "no view": ("/view/stream", {}, 400, "expected at least one view"),
    "unknown view": ("/view/stream?view=nix", {}, 404, "no view 'nix'; there is top10"),
    "a view twice": ("/view/stream?view=top10&view=top10", {}, 400, "the view 'top10' once"),
    "bad position": ("/view/stream?view=top10@x", {}, 400, "expected EPOCH:FRONTIER, found 'x'"),
    "bad epoch": ("/view/stream?view=top10@x:1", {}, 400, "expected an epoch such as"),
    "bad pace": (
        "/view/stream?view=top10&every=x",
        {},
        400,
        "expected every=MILLISECONDS, found 'x'",
    ),
    "huge time": ("/view/stream?view=top10@1-u1:9007199254740992", {}, 400, "expected a time"),
}

EVIL = "http://evil.example"

PAGE_REFUSALS: dict[str, tuple[str, dict[str, str], int, str]] = {
    "no view": ("", {}, 4400, "expected at least one view: /view/stream?view=NAME"),
    "bad position": ("?view=top10@x", {}, 4400, "expected EPOCH:FRONTIER, found 'x'"),
    "bad pace": ("?view=top10&every=-1", {}, 4400, "expected every=MILLISECONDS, found '-1'"),
    "unknown view": ("?view=nix", {}, 4404, "no view 'nix'; there is top10"),
    "two unknown views": ("?view=nix&view=nox", {}, 4404, "no view 'nix'; there is top10"),
    "long name": ("?view=" + "n" * 500, {}, 4404, "no view 'n"),
    "foreign origin": (
        "?view=top10",
        {"Origin": EVIL},
        4403,
        f"the origin '{EVIL}' is not allowed",
    ),
    "null origin": ("?view=top10", {"Origin": "null"}, 4403, "the origin 'null' is not allowed"),
    "DNS rebinding": (
        "?view=top10",
        {"Origin": EVIL, "Host": "evil.example"},
        4403,
        "the host 'evil.example' is not allowed: see --host",
    ),
    "DNS rebinding that a browser calls same-origin": (
        "?view=top10",
        {"Origin": EVIL, "Host": "evil.example", "Sec-Fetch-Site": "same-origin"},
        4403,
        "the host 'evil.example' is not allowed: see --host",
    ),
    "same host, a page without TLS": (
        "?view=top10",
        {"Origin": "http://localhost", "Host": "localhost", "X-Forwarded-Proto": "https"},
        4403,
        "the origin 'http://localhost' is not allowed",
    ),
    "same host, other port": ("?view=top10", {"Origin": "http://127.0.0.1:1"}, 4403, "the origin"),
    "a browser says cross-site": (
        "?view=top10",
        {"Origin": "http://localhost", "Host": "localhost", "Sec-Fetch-Site": "cross-site"},
        4403,
        "the origin 'http://localhost' is not allowed",
    ),
}


@pytest.mark.parametrize("name", PAGE_REFUSALS)
def test_a_page_is_told_why_its_websocket_is_refused(shared_server: Served, name: str) -> None:
    query, headers, code, words = PAGE_REFUSALS[name]
    found, reason = closed_with(shared_server, query, headers)
    assert (found, reason[: len(words)]) == (code, words)
    wait_for_clients(shared_server, 0)


def test_a_full_server_tells_a_page_to_come_back(engine: FakeEngine) -> None:
    with Served(engine, "--max-clients", "1") as served:
        served.open()
        wait_for_clients(served, 1)
        found = closed_with(served, "?view=top10", {})
        assert found == (4503, "there are 1 clients already, which is the limit")


def test_an_unknown_view_among_several_does_not_stop_the_others(served: Served) -> None:
    served.post(900, 1001)
    for origin in (None, served.url):
        watcher = served.open("nosuch", "top10", "other@1-u1:5", origin=origin)
        assert watcher.next() == Status("nosuch", "refused", "no view 'nosuch'; there is top10")
        assert watcher.next() == Status("other", "refused", "no view 'other'; there is top10")
        assert watcher.base() == served.engine.base("top10")
        served.post(1001, 1001)
    served.post(1001, 1002)
    assert watcher.delta().upper == 1002


def test_few_refused_websockets_are_open_at_a_time(engine: FakeEngine) -> None:
    """A page that never answers the close costs no more than that."""
    with Served(engine) as served, contextlib.ExitStack() as stack:
        host, port = served.url.removeprefix("http://").split(":")
        lines = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
        head = f"GET /view/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: {EVIL}\r\n{lines}\r\n"

        def is_accepted() -> bool:
            return raw_request(served, head.encode()).startswith(b"HTTP/1.1 101 ")

        pages = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            for _ in range(2 * MAX_REFUSED)
        ]
        for page in pages:
            page.sendall(head.encode())
        answers = [page.recv(12) for page in pages]
        assert answers.count(b"HTTP/1.1 101") >= MAX_REFUSED
        assert set(answers) == {b"HTTP/1.1 101", b"HTTP/1.1 403"}
        assert served.get("/healthz")["clients"] == 0
        wait_until(is_accepted, "the server to close the others")


@pytest.mark.parametrize("name", STREAM_REFUSALS)
def test_a_websocket_is_refused(shared_server: Served, name: str) -> None:
    path, headers, status, words = STREAM_REFUSALS[name]
    found, sentence = request(shared_server, "GET", path, {**UPGRADE, **headers})
    assert found == status
    assert words in sentence


def test_allowed_origins_may_connect(engine: FakeEngine) -> None:
    with Served(engine, "--origin", "https://example.org") as served:
        own = served.url
        for origin in ("https://example.org", own):
            with connect(served.address(), additional_headers={"Origin": origin}):
                pass
        for scheme in ("https, http", "wss", "something"):  # as proxies call it
            behind = {"Origin": own.replace("http", "https"), "X-Forwarded-Proto": scheme}
            with connect(served.address(), additional_headers=behind):
                pass
        other = closed_with(served, "?view=top10", {"Origin": "https://example.com"})
        assert other[0] == 4403


def test_too_many_clients_are_refused(engine: FakeEngine) -> None:
    with Served(engine, "--max-clients", "2") as served:
        served.open()
        second = served.open()
        wait_for_clients(served, 2)
        path = "/view/stream?view=top10"
        assert request(served, "GET", path, UPGRADE)[0] == 503
        second.connection.close()
        wait_for_clients(served, 1)
        served.open().base()


def test_a_message_that_is_too_large_ends_the_connection(shared_server: Served) -> None:
    watcher = shared_server.open()
    watcher.base()
    watcher.connection.send("x" * 100_000)
    with pytest.raises(ConnectionClosed):
        while True:
            watcher.next()
