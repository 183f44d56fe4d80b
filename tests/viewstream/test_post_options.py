"""`post_deltas.py --frontier`, and options that cannot be used."""

from __future__ import annotations

import os
import subprocess

import pytest

from scripts.ports import free_port
from tests.support.scripted_http import Answer, Script, ScriptedHttp
from tests.viewstream.post_process import (
    EPOCH,
    OPENING,
    arguments,
)
from viewstream.exit_status import ExitStatus

# Where the server stands


def frontier(script: Script) -> subprocess.CompletedProcess[str]:
    with ScriptedHttp(script) as server:
        done = subprocess.run(
            arguments(server.url, "--frontier"), capture_output=True, text=True, timeout=60
        )
        (request,) = server.requests
        assert (request.method, request.target) == ("GET", "/view/frontier?view=top10")
        return done


def test_the_frontier_is_one_word() -> None:
    done = frontier(lambda _: Answer(200, {"view": "top10", "epoch": EPOCH, "frontier": 42}))
    assert (done.stdout, done.stderr, done.returncode) == (f"{EPOCH}:42\n", "", 0)


def test_nowhere_is_an_empty_line() -> None:
    done = frontier(lambda _: Answer(200, {"view": "top10", "epoch": None, "frontier": None}))
    assert (done.stdout, done.stderr, done.returncode) == ("\n", "", 0)


def test_a_view_that_is_not_served_is_one_line() -> None:
    done = frontier(lambda _: Answer(404, {"error": "no view 'top10' is served here"}))
    assert (done.stdout, done.returncode) == ("", ExitStatus.REFUSED)
    assert done.stderr == (
        "post_deltas: top10: the server answered 404: no view 'top10' is served here\n"
    )


@pytest.mark.parametrize("body", [b"<html>", [], {"epoch": "x", "frontier": 1}])
def test_an_answer_that_is_no_frontier_is_one_line(body: object) -> None:
    done = frontier(lambda _: Answer(200, body))
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.startswith("post_deltas: top10: expected ")
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_not_there_is_one_line() -> None:
    port = free_port()
    done = subprocess.run(
        arguments(f"http://127.0.0.1:{port}", "--frontier"), capture_output=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr == b"post_deltas: top10: the server does not answer: Connection refused\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--body-limit", "10"], "expected a body limit of at least 1024 bytes, found 10"),
        (["--body-limit", "much"], "invalid int value: 'much'"),
    ],
)
def test_wrong_options_are_refused(options: list[str], message: str) -> None:
    done = subprocess.run(
        arguments("http://127.0.0.1:9", *options), capture_output=True, timeout=60
    )
    assert done.returncode == 2
    assert message in done.stderr.decode()


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8888",
        "localhost",
        "",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:port",
        "http://127.0.0.1:65536",
        "http://[::1",
        "http://127.0.0.1:9/?view=top10",
        "http://127.0.0.1:9 ",
    ],
)
def test_an_invalid_server_url_is_a_usage_error(url: str) -> None:
    done = subprocess.run(arguments(url), input=OPENING, capture_output=True, timeout=60)
    assert done.returncode == 2
    message = f"error: expected a server such as http://127.0.0.1:8888, found {url!r}"
    assert message in done.stderr.decode()


@pytest.mark.parametrize("options", [[], ["--frontier"]])
@pytest.mark.parametrize("token", ["secret\n", "secret two", "s\u00e9cret", "secret\u20ac"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_printed(
    token: str, options: list[str]
) -> None:
    with ScriptedHttp() as server:
        done = subprocess.run(
            arguments(server.url, *options),
            input=OPENING,
            capture_output=True,
            timeout=60,
            env={**os.environ, "VIEWSTREAM_TOKEN": token, "PYTHONUTF8": "1"},
        )
        assert server.requests == []
    said = done.stderr.decode()
    assert done.returncode == 2
    assert "expected a token (VIEWSTREAM_TOKEN) of printable ASCII without blanks" in said
    assert "cret" not in said
