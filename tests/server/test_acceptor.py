"""As many connections as the system allows: the others are refused, or wait."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import re
import resource
import socket
import sys
from pathlib import Path
from typing import NoReturn

import pytest
import requests

from server.access.address_limits import AddressLimits
from server.http import acceptor
from server.http.acceptor import SPARE_DESCRIPTORS, Acceptor, fit_descriptors
from server.http.arrivals import Arrivals
from server.http.post_connection import Posts
from server.wire.counting import CountingServer
from server.wire.readers import Readers
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.server.test_tls import TLS
from tests.support.processes import Process, wait_until


def skip_below(files: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < files:
        pytest.skip(f"needs {files} open files (ulimit -Hn), this system allows {hard}")


def limited(engine: FakeEngine, ulimit: str, *options: str, bounds: str = "{}") -> Process:
    command = [sys.executable, "-m", "tests.support.bounded_server", bounds]
    command += ["--listen", "127.0.0.1:0", "--dsn", engine.dsn]
    script = f'ulimit {ulimit}; exec "$@"'
    return Process(["sh", "-c", script, "sh", *command, *options, "top10"])


def test_the_limit_is_raised_to_what_the_clients_need(engine: FakeEngine) -> None:
    skip_below(2000)
    bounds = '{"max_requests": 100, "engine_connections": 3}'
    with limited(engine, "-S -n 256", "--max-clients", "1000", bounds=bounds) as process:
        process.wait_for("listening on")
        limits = Path(f"/proc/{process.popen.pid}/limits").read_text()
        found = re.search(r"Max open files\s+(\d+)", limits)
        assert found is not None
        assert int(found[1]) == 1000 + 100 + 3 + SPARE_DESCRIPTORS
        assert "open files" not in process.stderr


def test_a_server_that_may_have_few_files_takes_fewer_clients(engine: FakeEngine) -> None:
    with limited(engine, "-n 256") as process:
        process.wait_for(
            r"this system allows 256 open files \(ulimit -n\): at most 141 clients "
            "instead of 20000, and 47 other connections"
        )
        url = process.wait_for(r"listening on (\S+)")[1]
        assert requests.get(url + "/healthz", timeout=20).status_code == 200


def test_only_who_asks_for_more_is_told_of_a_limit_that_is_not_small(engine: FakeEngine) -> None:
    skip_below(4000)
    for options, is_told in [((), False), (("--max-clients", "20000"), True)]:
        with limited(engine, "-n 4000", *options) as process:
            process.wait_for("listening on")
            assert ("this system allows 4000 open files" in process.stderr) == is_told


def test_what_is_fitted_stays_within_the_limit() -> None:
    assert fit_descriptors(1000, 50, 1000 + 50 + SPARE_DESCRIPTORS) == (1000, 50)
    for limit in (SPARE_DESCRIPTORS + 6, 200, 1000, 1000 + 50 + SPARE_DESCRIPTORS - 1):
        clients, requests = fit_descriptors(1000, 50, limit)
        assert clients >= 1
        assert requests >= 1
        assert clients + requests + SPARE_DESCRIPTORS <= limit


def connect_silently(
    served: Served, stack: contextlib.ExitStack, count: int
) -> list[socket.socket]:
    host, port = served.url.split("//")[1].split(":")
    return [
        stack.enter_context(socket.create_connection((host, int(port)), 20)) for _ in range(count)
    ]


@pytest.mark.parametrize("options", [(), TLS], ids=["plain", "TLS"])
def test_silent_connections_hide_nobody(engine: FakeEngine, options: tuple[str, ...]) -> None:
    """The oldest ones are closed for those that ask for something."""
    with (
        Served(engine, *options, bounds={"max_requests": 5}) as served,
        contextlib.ExitStack() as stack,
    ):
        silent = connect_silently(served, stack, 100)
        for path in ("/healthz", "/about.json"):
            answer = requests.get(served.url + path, timeout=20, verify=TLS[1])
            assert answer.status_code == 200
        assert silent[0].recv(1) == b""
        silent[-1].setblocking(False)
        with pytest.raises(BlockingIOError):
            silent[-1].recv(1)


def test_probes_and_posts_get_through_when_no_page_does(engine: FakeEngine) -> None:
    with (
        Served(engine, bounds={"max_requests": 3}) as served,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(4):  # streams are not counted
            served.open().base()
        slow = connect_silently(served, stack, 3)
        for connection in slow:
            connection.sendall(b"GET /about.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        refused = requests.get(served.url + "/about.json", timeout=20)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json() == {"error": "there are 3 connections that are no streams"}
        for path in ("/healthz", "/metrics"):
            assert requests.get(served.url + path, timeout=20).status_code == 200
        assert served.post(900, 1001).status_code == 200
        slow[0].close()
        wait_until(
            lambda: requests.get(served.url + "/about.json", timeout=20).status_code == 200,
            "room for another one",
        )


def test_a_head_may_come_in_pieces_and_be_long(engine: FakeEngine) -> None:
    with Served(engine) as served, contextlib.ExitStack() as stack:
        (connection,) = connect_silently(served, stack, 1)
        head = b"GET /about.json HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"c" * 30_000
        for part in (head[:10], head[10:20_000], head[20_000:] + b"\r\n\r", b"\n"):
            connection.sendall(part)
            served.get("/healthz")
        assert connection.recv(12) == b"HTTP/1.1 200"


class Exhausted(socket.socket):
    """A listener of a process that has no descriptor left."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0
        self.tried = asyncio.Event()
        """Set once it was tried five times."""

    def accept(self) -> NoReturn:
        self.tries += 1
        if self.tries == 5:
            self.tried.set()
        raise OSError(errno.EMFILE, "Too many open files")


def fail(*_: object) -> NoReturn:
    raise AssertionError("a connection was passed on")


def test_one_line_is_enough_for_many_connections_that_are_not_accepted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "ERROR_PAUSE", 0.001)

    async def run() -> None:
        with Exhausted() as listener, socket.socket() as client:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            http = CountingServer(lambda request: None, note_refusal=fail)
            posts = Posts(fail, fail, 1, 1)  # type: ignore[arg-type]
            arrivals = Arrivals(
                http,
                fail,
                posts,
                AddressLimits(),
                Readers.create(),
                compresses=False,
                max_requests=10,
                note_refusal=fail,
            )
            acceptor = Acceptor(http, [listener], None, arrivals)
            client.connect(listener.getsockname())
            await listener.tried.wait()
            acceptor.close()

    with caplog.at_level(logging.WARNING, "server"):
        asyncio.run(asyncio.wait_for(run(), 20))
    assert [record.getMessage() for record in caplog.records] == [
        "no connection is accepted for now: [Errno 24] Too many open files"
    ]
