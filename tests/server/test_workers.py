"""`--processes`: several servers on one port, of which one that dies is replaced."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import pytest
import requests

from scripts.child import ChildError
from scripts.procfs import children_of
from server.configuration import parse
from tests.server.fake_engine import FakeEngine
from tests.support.processes import Process, start_server, wait_until

COUNT = 3


def start(engine: FakeEngine) -> tuple[Process, str]:
    options = ["--tail", "--processes", str(COUNT)]
    process, url = start_server(engine.dsn, "top10", options=options)
    process.wait_for(rf"(?s)(server \d: listening on {re.escape(url)}\s.*){{{COUNT}}}")
    return process, url


def test_one_process_that_dies_is_replaced_while_the_others_serve(engine: FakeEngine) -> None:
    process, url = start(engine)
    with process:
        first = set(children_of(process.pid))
        assert len(first) == COUNT
        assert len(engine.tail.declared) <= COUNT
        wait_until(lambda: len(engine.tail.declared) == COUNT, "a TAIL of each")
        os.kill(min(first), signal.SIGKILL)
        process.wait_for(r"process \d ended with -9: another one starts in \d\.\d s")
        for _ in range(20):
            assert requests.get(f"{url}/healthz", timeout=20).status_code == 200
        wait_until(lambda: len(set(children_of(process.pid)) - first) == 1, "another one")
        wait_until(lambda: len(engine.tail.declared) == COUNT + 1, "its TAIL")


def test_a_signal_ends_all_of_them(engine: FakeEngine) -> None:
    process, url = start(engine)
    with process:
        children = children_of(process.pid)
        process.send(signal.SIGTERM)
        assert process.wait() == 0
        for pid in children:
            assert not Path(f"/proc/{pid}").exists()
    host, port = url.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 5)


def test_a_killed_parent_leaves_nobody(engine: FakeEngine) -> None:
    process, _ = start(engine)
    with process:
        children = children_of(process.pid)
        process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "their end")


def test_an_address_that_is_taken_is_reported(engine: FakeEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ChildError, match=r"cannot listen on 127\.0\.0\.1:"):
            start_server(
                engine.dsn, "top10", options=["--tail", "--processes", "2"], listen=address
            )


def test_posts_do_not_go_together_with_processes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--processes", "2", "top10"])
    assert "expected --tail with --processes" in capsys.readouterr().err
