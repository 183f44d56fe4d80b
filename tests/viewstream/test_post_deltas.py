"""post_deltas.py as a process, against a scripted server: its posts, their times, its exit."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from post_deltas import MOST_POSTED
from scripts.ports import free_port
from tests.support.processes import wait_until
from tests.support.scripted_http import Answer, Request, Script, ScriptedHttp
from tests.support.tail_text import progress, row
from tests.viewstream.post_process import (
    HEADER,
    OPENING,
    arguments,
    delta,
    run,
    running,
    sequence,
    write,
)
from viewstream.bodies import PROGRESS_DELAY
from viewstream.exit_status import ExitStatus
from viewstream.protocol import MAX_TIME

# What is posted


def test_closed_times_are_posted_and_the_end_of_input_ends_it() -> None:
    deltas, said, status = run(OPENING + row(11, 2, "a", "") + progress(12) + row(12, 1, "b", "c"))
    assert deltas == [delta(10, 10), delta(10, 12, (11, 2, ("a", "")))]
    assert (said, status) == ("", 0)


@pytest.mark.parametrize("text", [b"", HEADER[:5], HEADER, OPENING[:-1]])
def test_an_input_that_ends_before_it_begins_posts_nothing(text: bytes) -> None:
    assert run(text) == ([], "", 0)


def test_an_unfinished_last_line_is_dropped() -> None:
    deltas, _, status = run(OPENING + row(11, 1, "a") + progress(12) + progress(1300)[:-1])
    assert deltas[-1] == delta(10, 12, (11, 1, ("a",)))
    assert status == 0


def test_a_request_is_json_with_the_token() -> None:
    with ScriptedHttp() as server:
        subprocess.run(
            arguments(server.url + "/"),
            input=OPENING,
            check=True,
            timeout=60,
            env={**os.environ, "VIEWSTREAM_TOKEN": "secret", "HTTP_PROXY": "http://127.0.0.1:9"},
        )
        (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/view/deltas")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer secret"


def test_the_token_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    env = {**os.environ, "VIEWSTREAM_TOKEN_FILE": str(file)}
    with ScriptedHttp() as server:
        command = arguments(server.url)
        subprocess.run(command, input=OPENING, check=True, timeout=60, env=env)
        assert server.requests[0].headers["authorization"] == "Bearer secret"
        file.unlink()
        done = subprocess.run(command, input=OPENING, capture_output=True, timeout=60, env=env)
    assert done.returncode == 2
    assert b"cannot read the token of VIEWSTREAM_TOKEN_FILE" in done.stderr


def test_a_delta_grows_while_a_post_is_under_way() -> None:
    """Back-pressure makes deltas larger: all that came during a POST is the next one."""
    released = threading.Event()

    def slow(request: Request) -> Answer:
        if len(server.requests) == 2:
            assert released.wait(60)
        return Answer()

    with ScriptedHttp(slow) as server, running(server.url) as process:
        write(process, OPENING + row(11, 1, "a") + progress(12))
        wait_until(lambda: len(server.requests) == 2, "the first update is posted")
        for instant in range(12, 112):
            write(process, row(instant, 1, "a") + progress(instant + 1))
        # All hundred are in the pipe or in the process now: the next POST waits for the first.
        released.set()
        wait_until(lambda: server.deltas[-1].upper == 112, "all is posted")
        assert len(server.requests) <= 4


def test_a_server_that_is_away_makes_the_writer_wait() -> None:
    """Back-pressure: unposted text stays in the pipe and before it, not in this process."""
    with (
        ScriptedHttp(lambda _: Answer(503)) as server,
        running(server.url, "--body-limit", "100000") as process,
    ):
        write(process, OPENING)
        wait_until(lambda: server.requests, "it reads and posts")
        assert process.popen.stdin is not None
        pipe = process.popen.stdin.fileno()
        os.set_blocking(pipe, False)
        text = b"".join(row(time, 1, "x" * 1000) for time in range(11, 5011))
        sent, last = 0, time.monotonic()
        # It is full once nothing was taken for long, and more than the pipe alone has room for.
        while time.monotonic() - last < 1 or sent <= 100_000:
            try:
                sent += os.write(pipe, text[sent : sent + 4096])
                last = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
            assert sent < 1_500_000
        assert sent > 100_000


def test_a_time_that_no_body_can_hold_is_left_out_with_a_warning() -> None:
    text = OPENING + b"".join(row(11, 1, f"{n:04}") for n in range(500)) + row(12, 1, "b")
    deltas, said, status = run(text + progress(13), lambda _: Answer(), "--body-limit", "2000")
    assert deltas == [delta(10, 10), delta(12, 13, (12, 1, ("b",)))]
    assert said == "post_deltas: top10: the updates at 11 are more than 2000 bytes: left out\n"
    assert status == 0


def test_a_long_catch_up_is_posted_in_bodies_of_bounded_size(tmp_path: Path) -> None:
    text = b"".join(row(instant, 1, "x" * 1000) for instant in range(11, 5011)) + progress(5011)
    path = tmp_path / "text"
    path.write_bytes(OPENING + text)
    with path.open("rb") as file:

        def read_all_that_it_may(_: Request) -> Answer:
            looks = [-1]
            while len(looks) < 10 or len(set(looks[-10:])) > 1:  # it stands still for half a second
                looks.append(os.lseek(file.fileno(), 0, os.SEEK_CUR))
                time.sleep(0.05)
            return Answer()

        with ScriptedHttp(read_all_that_it_may) as server:
            subprocess.run(arguments(server.url), stdin=file, check=True, timeout=200)
            sizes = [len(request.body) for request in server.requests]
            assert sum(len(posted.updates) for posted in server.deltas) == 5000
    assert MOST_POSTED / 2 < max(sizes) < 1.1 * MOST_POSTED


# When it is posted


def test_a_silent_view_is_posted_as_alive() -> None:
    with ScriptedHttp() as server, running(server.url) as process:
        write(process, OPENING)
        wait_until(lambda: len(server.requests) > 1, "a heartbeat")
        assert server.deltas == [delta(10, 10)] * 2


def test_progress_alone_is_posted_once_a_second_at_most() -> None:
    with ScriptedHttp() as server, running(server.url) as process:
        write(process, OPENING)
        wait_until(lambda: server.requests, "the opening")
        begin = time.monotonic()
        instants = itertools.count(11)

        def is_posted() -> bool:
            write(process, progress(next(instants)))  # the ticks of an idle engine
            return len(server.requests) >= 3

        wait_until(is_posted, "progress is posted")
        assert len(server.requests) - 1 <= 1 + (time.monotonic() - begin) / PROGRESS_DELAY


# Answers


@pytest.mark.parametrize(
    "answer",
    [
        Answer(409, {"error": "a gap"}),
        Answer(500, {"error": "a fault"}),
        Answer(503, {"error": "the engine does not answer"}, {"Retry-After": "1"}),
        Answer(502, b"<html>bad gateway</html>"),
        Answer(None),
    ],
)
def test_a_temporary_failure_is_retried(answer: Answer) -> None:
    deltas, said, status = run(OPENING + row(11, 1, "a") + progress(12), sequence([answer] * 2))
    assert deltas == [delta(10, 10), *[delta(10, 12, (11, 1, ("a",)))] * 3]
    assert said.splitlines()[-1] == "post_deltas: top10: the server takes deltas again"
    assert len(said.splitlines()) == 2
    assert status == 0


def test_a_server_that_has_moved_is_named() -> None:
    answer = Answer(302, {"error": "this is why"}, {"Location": "/elsewhere"})
    deltas, said, code = run(OPENING + row(11, 1, "a") + progress(12), sequence([answer]))
    assert len(deltas) == 2
    assert said == (
        "post_deltas: top10: the server has moved to '/elsewhere': give its address by --server\n"
    )
    assert code == ExitStatus.REFUSED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 415])
def test_a_refusal_ends_it_with_the_sentence_of_the_server(status: int) -> None:
    answer = Answer(status, {"error": "this is why"})
    deltas, said, code = run(OPENING + row(11, 1, "a") + progress(12), sequence([answer]))
    assert len(deltas) == 2
    assert said == f"post_deltas: top10: the server answered {status}: this is why\n"
    is_for_good = status in (400, 401, 403, 404, 415)
    assert code == (ExitStatus.REFUSED if is_for_good else ExitStatus.FAILED)


def test_a_refusal_ends_it_though_its_input_is_silent() -> None:
    ended = Answer(410, {"error": "this epoch has ended"})
    with ScriptedHttp(lambda _: ended) as server, running(server.url) as process:
        write(process, OPENING)
        assert process.wait() == 1
        assert "this epoch has ended" in process.stderr


def test_a_server_that_comes_back_gets_everything() -> None:
    port = free_port()
    with running(f"http://127.0.0.1:{port}") as process:
        write(process, OPENING + row(11, 1, "a") + progress(12))
        process.wait_for("the server does not answer: Connection refused; trying again\n")
        with ScriptedHttp(port=port) as server:
            wait_until(lambda: len(server.requests) >= 2, "the deltas arrive")
            assert server.deltas[:2] == [delta(10, 10), delta(10, 12, (11, 1, ("a",)))]
        assert process.stderr.count("\n") <= 2


def test_closed_deltas_are_delivered_after_the_input_ended() -> None:
    gate = threading.Event()
    script: Script = lambda _: Answer() if gate.is_set() else Answer(503)  # noqa: E731
    with ScriptedHttp(script) as server, running(server.url) as process:
        write(process, OPENING + row(11, 1, "a") + progress(12) + row(12, 1, "open"))
        assert process.popen.stdin is not None
        process.popen.stdin.close()
        wait_until(lambda: server.requests, "it tries")
        assert process.popen.poll() is None
        gate.set()
        assert process.wait() == 0
        assert server.deltas[-1] == delta(10, 12, (11, 1, ("a",)))


# Ends


def test_an_unreadable_line_ends_it_after_the_closed_times() -> None:
    text = OPENING + row(11, 1, "a") + progress(12) + b"12\tf\tone\ta\n" + progress(13)
    deltas, said, status = run(text)
    assert deltas[-1] == delta(10, 12, (11, 1, ("a",)))
    assert said == (
        "post_deltas: top10: line 5: expected a diff that is an integer and not 0, "
        r"found '12\tf\tone\ta'" + "\n"
    )
    assert status == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("status", [200, 503])
def test_it_stops_quietly_when_it_is_interrupted(number: signal.Signals, status: int) -> None:
    answer = Answer(status, {"error": "away"})
    with ScriptedHttp(lambda _: answer) as server, running(server.url) as process:
        write(process, OPENING)
        wait_until(lambda: server.requests, "the opening")
        process.send(number)
        assert process.wait() == -number
        assert "Traceback" not in process.stderr


def test_a_view_that_has_ended() -> None:
    deltas, said, status = run(HEADER + progress(MAX_TIME))
    assert (deltas, said, status) == ([delta(MAX_TIME, MAX_TIME)], "", 0)
