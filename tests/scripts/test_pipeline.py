"""`scripts/pipeline` resumes, restarts, gives up, and leaves no process behind."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scripts import pipeline
from scripts.ports import free_port
from scripts.procfs import children_of, script_of
from scripts.server_probe import served_views
from tests.support.processes import Process, wait_until
from tests.support.scripted_http import Answer, Request, ScriptedHttp
from tests.support.scripted_tail import EPOCH, Engine, play
from tests.support.scripted_wire import ScriptedWire
from tests.support.tail_text import progress, row
from viewstream.protocol import MAX_TIME

QUICK = """
import sys
from scripts import pipeline
pipeline.ENDED_DELAY = 3.0
sys.exit(pipeline.main())
"""
"""scripts/pipeline, which looks at a view that has ended after 3 s and not after 10."""


class Server:
    """Accepts every delta and keeps its position, as the real server does."""

    def __init__(self) -> None:
        self.position: tuple[str | None, int | None] = (None, None)

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            epoch, frontier = self.position
            return Answer(200, {"view": "top10", "epoch": epoch, "frontier": frontier})
        self.position = (request.delta.epoch, request.delta.upper)
        return Answer()


def start(wire: ScriptedWire, server: ScriptedHttp, *views: str) -> Process:
    options = ["--dsn", wire.dsn, "--server", server.url]
    return Process([sys.executable, "-c", QUICK, *options, *(views or ["top10"])])


@contextmanager
def running(engine: Engine, *views: str) -> Iterator[tuple[Process, ScriptedWire, ScriptedHttp]]:
    with (
        ScriptedWire(engine) as wire,
        ScriptedHttp(Server()) as server,
        start(wire, server, *views) as process,
    ):
        yield process, wire, server


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def copies(wire: ScriptedWire) -> list[str]:
    return [statement for statement in wire.statements if statement.startswith("COPY")]


def both(process: Process) -> list[int]:
    """Return the two children; none while one is missing."""
    found = children_of(process.popen.pid)
    return found if sorted(map(script_of, found)) == ["post_deltas", "tail_view"] else []


def test_it_starts_at_the_present_and_resumes_at_the_position_of_the_server() -> None:
    engine = Engine([play(progress(50), row(51, 1, "a"), progress(52)), play(progress(52))])
    with running(engine) as (process, wire, server):
        wait_until(lambda: server.deltas and server.deltas[-1].upper == 52, "it is posted")
        wire.lose_all()
        process.wait_for(r"top10: tail_view.py ended with 1 and post_deltas.py with 0; starting")
        wait_until(lambda: len(copies(wire)) == 2, "it starts again")
    assert ["AS OF 51" in statement for statement in copies(wire)] == [False, True]


@pytest.mark.parametrize("name", ["tail_view", "post_deltas"])
def test_it_restarts_both_when_one_is_killed(name: str) -> None:
    with running(Engine([play(progress(50))])) as (process, wire, server):
        wait_until(lambda: server.deltas, "it is posted")
        pids = wait_until(lambda: both(process), "both scripts run")
        (victim,) = (pid for pid in pids if script_of(pid) == name)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(copies(wire)) == 2, "it starts again")


def test_each_view_has_a_pipeline_of_its_own() -> None:
    with running(Engine([play(progress(50))]), "top10", "counter") as (_, _, server):
        wait_until(
            lambda: {delta.view for delta in server.deltas} == {"top10", "counter"}, "both post"
        )


def test_it_waits_for_a_server_that_is_not_there_yet() -> None:
    with ScriptedWire(Engine([play(progress(50))])) as wire:
        port = free_port()
        with ScriptedHttp(port=port) as nobody:
            pass
        with start(wire, nobody) as process:
            process.wait_for(
                "top10: the server did not answer with its position; starting again in"
            )
            with ScriptedHttp(Server(), port=port) as server:
                wait_until(lambda: server.deltas, "it is posted")


def test_a_view_that_is_not_served_ends_it_with_the_servers_sentence() -> None:
    refusal = Answer(404, {"error": "the view 'top10' is not served here"})
    with (
        ScriptedWire(Engine([play(progress(50))])) as wire,
        ScriptedHttp(lambda _: refusal) as server,
        start(wire, server) as process,
    ):
        assert process.wait() == 1
        assert process.stderr == (
            "post_deltas: top10: the server answered 404: the view 'top10' is not served here\n"
        )
        assert len(server.requests) == 1


def test_the_other_views_go_on_without_one_that_is_not_served() -> None:
    serve = Server()

    def script(request: Request) -> Answer:
        if "nosuch" in request.target:
            return Answer(404, {"error": "the view 'nosuch' is not served here"})
        return serve(request)

    with (
        ScriptedWire(Engine([play(progress(50)), play(progress(52))])) as wire,
        ScriptedHttp(script) as server,
        start(wire, server, "nosuch", "top10") as process,
    ):
        process.wait_for("nosuch: the server answered 404")
        wait_until(lambda: server.deltas, "it is posted")
        wire.lose_all()
        wait_until(lambda: len(copies(wire)) == 2, "it starts again")
        assert sum("nosuch" in request.target for request in server.requests) == 1
        process.send(signal.SIGTERM)
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected views or --all, and not both"),
        (["--all", "top10"], "expected views or --all, and not both"),
        ([""], "expected a view as NAME or SCHEMA.NAME, found ''"),
        (["top10", "a.b.c"], "expected a view as NAME or SCHEMA.NAME, found 'a.b.c'"),
        (["top10", "public.top10"], "expected each view once, found 'public.top10' again"),
        (
            ["top10", "--server", "localhost:8888"],
            "expected a server such as http://127.0.0.1:8888",
        ),
        (["top10", "--server", "http://"], "found 'http://'"),
        (["top10", "--server", ""], "found ''"),
    ],
)
def test_arguments_that_can_never_work_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        pipeline.parse_arguments(arguments)
    assert message in capsys.readouterr().err


def test_an_ended_view_is_looked_at_again_later_without_a_message() -> None:
    # It is replaced by one that changes, before it is looked at again.
    engine = Engine([play(wait=False), play(progress(60))], ids=["u7", "u7", "u8"])
    with running(engine) as (process, wire, server):
        wait_until(
            lambda: server.deltas and server.deltas[-1].epoch != EPOCH, "the new view is posted"
        )
        assert [delta.upper for delta in server.deltas if delta.epoch == EPOCH][-1] == MAX_TIME
        assert process.stderr == (
            f"tail_view: the epoch of top10 is 1577927045678-u8, not that of "
            f"{EPOCH}:{MAX_TIME}: from the present\n"
        )
        # Each time version, path, epoch, COPY, path, epoch.
        assert len(wire.statements) == 2 * 6


def test_all_views_of_the_server_have_a_pipeline_also_later_ones() -> None:
    views = ["top10"]
    accept = Server()

    def script(request: Request) -> Answer:
        if request.target == "/healthz":
            return Answer(200, {"views": {view: {} for view in views}})
        return accept(request)

    with (
        ScriptedWire(Engine([play(progress(50))])) as wire,
        ScriptedHttp(script) as server,
        start(wire, server, "--all") as process,
    ):
        wait_until(lambda: {delta.view for delta in server.deltas} == {"top10"}, "it is posted")
        views.append("counter")
        wait_until(
            lambda: {delta.view for delta in server.deltas} == {"top10", "counter"},
            "the later view is posted, too",
        )
        process.send(signal.SIGTERM)
        assert process.wait() == 0
        assert process.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_both_children(number: signal.Signals) -> None:
    with running(Engine([play(progress(50))])) as (process, _wire, server):
        wait_until(lambda: server.deltas, "it is posted")
        pids = both(process)
        assert pids
        process.send(number)
        assert process.wait() == 0
        assert process.stderr == ""
        assert not any(map(is_alive, pids))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's PR_SET_PDEATHSIG")
def test_both_children_end_when_it_is_killed() -> None:
    with running(Engine([play(progress(50))])) as (process, _wire, server):
        wait_until(lambda: server.deltas, "it is posted")
        pids = both(process)
        assert pids
        process.kill()
        wait_until(lambda: not any(map(is_alive, pids)), "the children end too")


def test_an_outage_is_a_line_of_each_script_however_long_it_lasts() -> None:
    """The view is unknown, so each run fails. `test_backoff.py` tests the delays."""
    with running(Engine([play()], ids=[""])) as (process, wire, _server):
        asked = lambda: sum("mz_objects" in statement for statement in wire.statements)  # noqa: E731
        wait_until(lambda: asked() >= 4, "four runs")
        lines = process.stderr.splitlines()
    assert lines[0] == "tail_view: top10: unknown view 'top10'"
    assert re.fullmatch(
        r"pipeline: top10: tail_view.py ended with 1 and post_deltas.py with 0; starting again in"
        r" 0\.\d s",
        lines[1],
    )
    assert len(lines) == 2


def test_the_end_of_an_outage_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline, "RECOVERED", 1.0)
    caplog.set_level(logging.INFO)
    engine = Engine([play(progress(50))], ids=["", "u7"])

    def lines() -> list[str]:
        names = ("pipeline", "tail_view", "post_deltas")
        return [f"{one.name}: {one.message}" for one in caplog.records if one.name in names]

    async def run(wire: ScriptedWire, server: ScriptedHttp) -> None:
        one = pipeline.Pipeline("top10", ["--dsn", wire.dsn], ["--server", server.url])
        supervising = asyncio.create_task(one.supervise())
        async with asyncio.timeout(60):
            while "pipeline: top10: runs again" not in lines():  # noqa: ASYNC110 -- no event
                await asyncio.sleep(0.05)
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)

    with ScriptedWire(engine) as wire, ScriptedHttp(Server()) as server:
        asyncio.run(run(wire, server))
    assert lines()[0] == "tail_view: top10: unknown view 'top10'"
    assert lines()[2:] == ["pipeline: top10: runs again"]


def test_a_server_that_has_moved_ends_it_with_the_new_address() -> None:
    moved = Answer(308, {}, headers={"Location": "https://other.example/view/frontier"})
    with (
        ScriptedWire(Engine([play(progress(50))])) as wire,
        ScriptedHttp(lambda _: moved) as server,
        start(wire, server) as process,
    ):
        assert process.wait() == 1
        assert "has moved to 'https://other.example/view/frontier'" in process.stderr
        assert len(server.requests) == 1


def test_a_server_that_is_gone_for_good_ends_it_if_asked_to() -> None:
    with ScriptedWire(Engine([play(progress(50))])) as wire:
        with ScriptedHttp(Server()) as server:
            process = start(wire, server, "--give-up-after", "5", "top10")
            with_server = wait_until(lambda: server.deltas, "it is posted")
        with process:
            assert with_server
            assert process.wait() == 1
            assert "the server has not answered for 5 s: ending" in process.stderr
        assert not children_of(process.popen.pid)


def test_a_server_that_refuses_is_not_gone() -> None:
    with (
        ScriptedWire(Engine([play(progress(50))])) as wire,
        ScriptedHttp(lambda _: Answer(503, {"error": "busy"})) as server,
        start(wire, server, "--give-up-after", "5", "top10") as process,
    ):
        wait_until(lambda: server.requests, "it asks")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 6, "it would have given up")
        count = len(server.requests)
        wait_until(lambda: len(server.requests) > count, "it goes on asking")
        assert process.is_running
        assert "ending" not in process.stderr


def test_all_views_are_asked_for_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(200, {"status": "ok", "views": {"top10": {}}})
    with ScriptedHttp(lambda _: answer) as server:
        monkeypatch.setenv("VIEWSTREAM_TOKEN", "sesame")
        assert served_views(server.url) == ["top10"]
        assert server.requests[0].headers["authorization"] == "Bearer sesame"
        answer.body.pop("views")  # a server that shows none without another token
        assert served_views(server.url) == []
