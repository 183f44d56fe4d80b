"""Refusals: each has its status, and is one sentence of JSON."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import Any
from urllib.parse import quote

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from server.configuration import parse
from server.http.open_connections import MAX_REFUSED
from server.http.refusal import BURST
from tests.server.fake_engine import FakeEngine
from tests.server.frames import FrameReader
from tests.server.served import JSON, Served, wait_for_clients
from tests.support.processes import start_server, wait_until
from viewstream.protocol import Delta, Status, encode

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def request(
    served: Served, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, str]:
    """A request with exactly these headers; returns status and sentence."""
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    assert response.getheader("Content-Type") == "application/json"
    answer = json.loads(response.read())
    connection.close()
    assert "\n" not in answer["error"]
    return response.status, answer["error"]


def a_delta(served: Served, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "view": "top10",
        "epoch": served.engine.epoch,
        "lower": 5,
        "upper": 5,
        "updates": [],
    }
    return encode(Delta(**{**fields, **changes}))


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
    "huge time": ("/view/stream?view=top10@1-u1:9007199254740992", {}, 400, "expected a time"),
}

EVIL = "http://evil.example"
PAGE_REFUSALS: dict[str, tuple[str, dict[str, str], int, str]] = {
    "no view": ("", {}, 4400, "expected at least one view: /view/stream?view=NAME"),
    "bad position": ("?view=top10@x", {}, 4400, "expected EPOCH:FRONTIER, found 'x'"),
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


def closed_with(served: Served, query: str, headers: dict[str, str]) -> tuple[int, str]:
    """Open a websocket as a page does, and return the code and the reason of its close."""
    host = served.url.removeprefix("http://")
    sent = {"Host": host, "Origin": served.url, **UPGRADE, **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    answer = raw_request(served, f"GET /view/stream{query} HTTP/1.1\r\n{lines}\r\n".encode())
    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    reader = FrameReader()
    reader.feed(frames)
    assert reader.messages() == [], "nothing but the close"
    assert reader.closed_with is not None
    return reader.closed_with


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


def test_every_refusal_is_a_line_in_the_log_while_there_are_few(engine: FakeEngine) -> None:
    with Served(engine) as served:
        closed_with(served, "?view=nix", {})
        served.process.wait_for(
            "refused GET '/view/stream' from 127.0.0.1: 404 no view 'nix'; there is top10"
        )
        request(served, "GET", "/view/frontier?view=%0Aline", {})
        served.process.wait_for(r"404 no view '\\nline'")
        for _ in range(5 * BURST):
            request(served, "GET", "/view/nothing", {})
        assert served.process.stderr.count("refused GET") <= BURST + 5


@pytest.mark.parametrize("name", STREAM_REFUSALS)
def test_a_websocket_is_refused(shared_server: Served, name: str) -> None:
    path, headers, status, words = STREAM_REFUSALS[name]
    found, sentence = request(shared_server, "GET", path, {**UPGRADE, **headers})
    assert found == status
    assert words in sentence


POST_REFUSALS: dict[str, tuple[dict[str, str], int, str]] = {
    "origin": ({"Origin": "http://127.0.0.1:8888"}, 403, "must not have the header Origin"),
    "null origin": ({"Origin": "null"}, 403, "must not have the header Origin"),
    "forwarded": ({"Forwarded": "for=1.2.3.4"}, 403, "must not have the header Forwarded"),
    "forwarded for": ({"X-Forwarded-For": "1.2.3.4"}, 403, "the header X-Forwarded-For"),
    "forwarded proto": ({"x-forwarded-proto": "https"}, 403, "the header X-Forwarded-Proto"),
    "via": ({"Via": "1.1 proxy"}, 403, "must not have the header Via"),
    "real ip": ({"X-Real-IP": "1.2.3.4"}, 403, "must not have the header X-Real-Ip"),
    "foreign host": ({"Host": "rebound.example"}, 403, "is not allowed: see --host"),
    "host that begins right": ({"Host": "127.0.0.1.evil.example"}, 403, "is not allowed"),
    "form": ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"),
    "text": ({"Content-Type": "text/plain"}, 415, "expected the Content-Type application/json"),
}


@pytest.mark.parametrize("name", POST_REFUSALS)
def test_a_post_without_a_token_is_refused(shared_server: Served, name: str) -> None:
    headers, status, words = POST_REFUSALS[name]
    found = request(
        shared_server, "POST", "/view/deltas", {**JSON, **headers}, a_delta(shared_server)
    )
    assert found[0] == status
    assert words in found[1]


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "[::1]:5", "127.0.0.2"])
def test_a_post_to_any_name_of_this_machine_is_taken(shared_server: Served, host: str) -> None:
    response = shared_server.post(5, 5, headers={"Host": host})
    assert response.status_code == 200


BAD_BODIES = {
    "no json": (b"{", "expected a delta"),
    "no utf-8": (b'{"view":"\xff"}', "expected a delta"),
    "another message": (b'{"type":"status","view":"v","state":"live"}', "expected a delta"),
    "a number as value": (
        b'{"type":"delta","view":"top10","epoch":"1-u1","lower":1,"upper":3,"updates":[[1,1,[5]]]}',
        "expected a delta",
    ),
    "a time outside": (
        b'{"type":"delta","view":"top10","epoch":"1-u1","lower":1,"upper":3,"updates":[[3,1,[]]]}',
        "expected times from 1 to below 3",
    ),
    "no body": (b"", "expected a delta"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused(shared_server: Served, name: str) -> None:
    body, words = BAD_BODIES[name]
    status, sentence = request(shared_server, "POST", "/view/deltas", JSON, body)
    assert status == 400
    assert words in sentence


def test_other_requests_are_refused(shared_server: Served) -> None:
    unknown = a_delta(shared_server, view="nix")
    cases: list[tuple[str, str, bytes | None, int, str]] = [
        ("POST", "/view/deltas", unknown, 404, "no view 'nix'; there is top10"),
        ("GET", "/view/deltas", None, 405, "expected POST, found GET"),
        ("POST", "/view/frontier?view=top10", b"", 405, "expected GET or HEAD, found POST"),
        ("POST", "/index.html", b"", 405, "method not allowed"),
        ("GET", "/view/frontier", None, 400, "expected one view"),
        ("GET", "/view/frontier?view=nix", None, 404, "no view 'nix'; there is top10"),
        ("GET", "/view/other", None, 404, "there is nothing at '/view/other'"),
        ("GET", "/nothing.html", None, 404, "there is nothing at '/nothing.html'"),
        ("GET", "/../pyproject.toml", None, 403, "forbidden"),
        ("GET", "/%2e%2e/pyproject.toml", None, 403, "forbidden"),
        ("GET", "/%00", None, 400, "expected a path without control codes, found '/%00'"),
        ("GET", "/viewstream/a%0ab", None, 400, "expected a path without control codes"),
        ("GET", "/view/rows%00?view=top10", None, 400, "expected a path without control codes"),
        ("GET", "/%ff", None, 400, "bad request"),
        ("GET", "http://localhost/healthz", None, 404, "there is nothing at 'http://localhost/"),
        ("OPTIONS", "*", None, 404, "there is nothing at '*'"),
        ("OPTIONS", "/healthz", None, 405, "expected GET or HEAD, found OPTIONS"),
        ("CONNECT", "example.org:443", None, 405, "found CONNECT"),
    ]
    for method, path, body, status, words in cases:
        found = request(shared_server, method, path, JSON, body)
        assert found[0] == status, (method, path, found)
        assert words in found[1]


@pytest.mark.parametrize(
    "path",
    [
        *("/healthz", "/metrics", "/about.json", "/view/frontier?view=top10"),
        *("/view/rows?view=top10", "/view/stream?view=top10", "/view/deltas", "/view/nothing"),
        *("/", "/index.html", "/viewstream/index.js", "/nothing"),
    ],
)
def test_what_the_server_tells_is_not_told_to_a_page_that_was_led_here(
    shared_server: Served, path: str
) -> None:
    headers = {"Host": "evil.example", **(UPGRADE if "stream?" in path else {})}
    status, sentence = request(shared_server, "GET", path, headers)
    assert status == 403
    assert sentence == "the host 'evil.example' is not allowed: see --host"


def test_a_server_that_others_can_reach_answers_to_addresses_and_to_no_other_name(
    engine: FakeEngine,
) -> None:
    """No page can make an address lead elsewhere; its own name it can (DNS rebinding)."""
    process, url = start_server(
        engine.dsn, "top10", listen="0.0.0.0:0", options=("--host", "views.example")
    )
    with process:
        url = url.replace("0.0.0.0", "127.0.0.1")
        for host, status in [
            ("192.168.1.5:8888", 200),
            ("[fe80::1]:8888", 200),
            ("views.example", 200),
            ("localhost", 200),
            ("evil.example", 403),
            ("192.168.1.5.evil.example", 403),
            ("[::1", 403),
            ("", 403),
        ]:
            for path in ("/healthz", "/index.html", "/viewstream/index.js"):
                response = requests.get(url + path, headers={"Host": host}, timeout=20)
                assert response.status_code == status, (host, path)


def test_names_that_are_allowed_are_answered_to(engine: FakeEngine) -> None:
    options = ("--host", "views.example", "--origin", "https://example.org")
    with Served(engine, *options) as served:
        for host, status in [
            ("views.example:8888", 200),
            ("Example.org", 200),
            ("localhost", 200),
            ("other.example", 403),
        ]:
            response = requests.get(served.url + "/healthz", headers={"Host": host}, timeout=20)
            assert response.status_code == status, host
        posted = served.post(5, 5, headers={"Host": "views.example"})
        assert posted.status_code == 403
        assert "without a token the Host must be this machine" in posted.json()["error"]


def test_a_post_of_http_1_0_needs_a_token(shared_server: Served) -> None:
    """A proxy that says nothing of itself: nginx, told no more than where to pass requests."""
    body = a_delta(shared_server)
    answer = raw_request(
        shared_server,
        b"POST /view/deltas HTTP/1.0\r\nHost: 127.0.0.1:8888\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
    )
    assert b" 403 " in answer.splitlines()[0]
    assert b"must be HTTP/1.1" in answer


def raw_request(served: Served, data: bytes) -> bytes:
    """Send exactly `data`; returns all that comes until the sentence is there."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 20) as raw:
        raw.sendall(data)
        answer = b""
        while b"}" not in answer and (chunk := raw.recv(4096)):
            answer += chunk
    return answer


BODILESS = ["/healthz", "/view/stream?view=top10", "/view/frontier?view=top10", "/view/x", "/x.js"]


@pytest.mark.parametrize("path", BODILESS)
def test_a_body_where_none_is_of_use_is_refused_before_it_is_read(
    shared_server: Served, path: str
) -> None:
    for framing, status, words in [
        ("Content-Length: 300000000", 413, "larger than the limit of 65536 bytes"),
        (f"Content-Length: {'9' * 5000}", 413, "larger than the limit of 65536 bytes"),
        ("Content-Length: x", 400, "expected a Content-Length in digits, found 'x'"),
        ("Transfer-Encoding: chunked", 411, "expected a Content-Length, or no body"),
    ]:
        for method in ("GET", "POST"):
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
            answer = raw_request(shared_server, head.encode())
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (framing, answer)
            assert words in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


@pytest.mark.parametrize("path", ["/healthz", "/view/deltas"])
def test_a_body_that_trickles_is_given_up(engine: FakeEngine, path: str) -> None:
    with Served(engine, bounds={"body_timeout": 0.3}) as served:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 1000\r\n\r\n{"
        )
        assert raw_request(served, head.encode()) == b""


def test_a_connection_that_asks_nothing_is_given_up(engine: FakeEngine) -> None:
    with Served(engine, bounds={"headers_timeout": 0.3}) as served:
        assert raw_request(served, b"GET /healthz HTTP/1.1\r\n") == b""


def test_a_body_above_the_limit_is_refused_before_it_is_read(engine: FakeEngine) -> None:
    with Served(engine, "--max-body", "1K") as served:
        head = (
            f"POST /view/deltas HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON['Content-Type']}"
        )
        host, port = served.url.removeprefix("http://").split(":")
        lengths = ["Content-Length: 1025", f"Content-Length: {'9' * 5000}"]
        for framing in (*lengths, "Transfer-Encoding: chunked"):
            with socket.create_connection((host, int(port)), 20) as raw:
                raw.sendall(f"{head}\r\n{framing}\r\n\r\n".encode())
                if "chunked" in framing:
                    raw.sendall(b"800\r\n" + b" " * 0x800 + b"\r\n0\r\n\r\n")
                answer = b""
                while b"}" not in answer and (chunk := raw.recv(4096)):
                    answer += chunk
            assert answer.startswith(b"HTTP/1.1 413 "), answer
            assert b'{"error":"the body is larger than the limit of 1024 bytes"}' in answer
        assert served.post(5, 5).status_code == 200


def test_a_token_is_needed_when_there_is_one(engine: FakeEngine) -> None:
    with Served(engine, "--token", "s3cret") as served:
        for headers, words in [
            ({}, "expected a token"),
            ({"Authorization": "Basic s3cret"}, "expected a token"),
            ({"Authorization": "Bearer s3cre"}, "the token is wrong"),
            ({"Authorization": "Bearer s3crét"}, "the token is wrong"),
        ]:
            body = a_delta(served)
            found = request(served, "POST", "/view/deltas", {**JSON, **headers}, body)
            assert found[0] == 401
            assert words in found[1]
        right = {"Authorization": "Bearer s3cret", "X-Forwarded-For": "1.2.3.4"}
        assert served.post(5, 5, headers=right).status_code == 200


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


def test_views_may_have_any_name_that_is_no_position(engine: FakeEngine) -> None:
    names = ("we@ird", " blanks ", "a@b@c")
    with Served(engine, views=names) as served:
        for name in names:
            assert served.get(f"/view/frontier?view={quote(name)}")["view"] == name
            served.post(900, 1001, view=name)
            watcher = served.open(name)
            assert watcher.base().view == name
            resuming = served.open(f"{name}@{engine.epoch}:1001")
            assert resuming.delta().lower == 1001


WRONG_OPTIONS = {
    "a position": (["a@1-u1:5"], "does not end like a position"),
    "control code": (["a\tb"], "a view without control codes"),
    "newline in a token": (["--token", "se\ncret", "v"], "expected a token"),
    "letter that no header has": (["--token", "secrét", "v"], "expected a token"),
    "blank in a token": (["--token", "se cret", "v"], "expected a token"),
    "DSN": (["--dsn", "host=h password=my s3cret", "v"], "expected a DSN as libpq reads it"),
    "DSN that is an address": (["--dsn", "//u:s3cret@h:port", "v"], "expected a DSN as libpq"),
    "origin": (["--origin", "example.org", "v"], "expected an origin such as https://example.org"),
    "origin with a path": (["--origin", "https://example.org/", "v"], "expected an origin"),
    "origin that is none": (["--origin", "http://[", "v"], "expected an origin"),
}


@pytest.mark.parametrize("name", WRONG_OPTIONS)
def test_a_wrong_option_is_said_at_once(capsys: pytest.CaptureFixture[str], name: str) -> None:
    arguments, words = WRONG_OPTIONS[name]
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert words in said
    if arguments[0] in ("--token", "--dsn"):
        assert "cr" not in said.partition("error:")[2], "a secret is printed"


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


def test_the_page_loads_nothing_from_other_hosts(shared_server: Served) -> None:
    response = requests.get(shared_server.url + "/nothing.js", timeout=10)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_metrics_can_be_scraped(shared_server: Served) -> None:
    text = requests.get(shared_server.url + "/metrics", timeout=10).text
    assert "viewstream_base_reads_total" in text
