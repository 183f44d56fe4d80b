"""Refusals: each has its status, and is one sentence of JSON."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
import requests

from server.access.refusal import BURST, REFILL
from server.configuration import parse
from tests.server.fake_engine import FakeEngine
from tests.server.requesting import UPGRADE, a_delta, closed_with, raw_request, request
from tests.server.served import JSON, Served
from tests.support.processes import start_server


def test_every_refusal_is_a_line_in_the_log_while_there_are_few(engine: FakeEngine) -> None:
    with Served(engine) as served:
        closed_with(served, "?view=nix", {})
        served.process.wait_for(
            "refused GET '/view/stream' from 127.0.0.1: 404 no view 'nix'; there is top10"
        )
        request(served, "GET", "/view/frontier?view=%0Aline", {})
        served.process.wait_for(r"404 no view '\\nline'")
        began = time.monotonic()
        for _ in range(5 * BURST):
            request(served, "GET", "/view/nothing", {})
        earned = (time.monotonic() - began) * 1000 / REFILL
        assert served.process.stderr.count("refused GET") <= BURST + 5 + earned


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
        ("GET", "ftp://localhost/healthz", None, 404, "there is nothing at 'ftp://localhost/"),
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


def test_the_page_loads_nothing_from_other_hosts(shared_server: Served) -> None:
    response = requests.get(shared_server.url + "/nothing.js", timeout=10)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_metrics_can_be_scraped(shared_server: Served) -> None:
    text = requests.get(shared_server.url + "/metrics", timeout=10).text
    assert "viewstream_base_reads_total" in text
