"""`scripts/demo` proves that it works, heals, and leaves no process behind."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import psycopg2
import pytest
import requests

from scripts.child import python_module
from scripts.ports import PortError, free_port, usable_port
from scripts.procfs import descendants_of, is_running
from scripts.serving import demo_plan
from scripts.serving.demo_options import parse_arguments
from scripts.serving.demo_plan import (
    DemoError,
    choose_source,
    demo_views,
    make_plan,
    working_folder,
)
from scripts.serving.folder import FolderError
from scripts.sources import live
from tests.support.event_stream import EventStream, serve
from tests.support.following import Witness, following
from tests.support.processes import PATIENCE, ROOT, Process, wait_until

VIEWS = (
    "biggest_changes",
    "counter",
    "edit_wars",
    "editors",
    "edits_by_language",
    "edits_per_second",
    "latest_edits",
    "new_accounts",
    "top10",
    "top10_5min",
    "top10_hour",
    "useredits",
    *("mz_source_statistics", "mz_tails", "mz_view_statistics", "mz_views"),
    *("mz_dataflow_operator_dataflows", "mz_dataflow_operator_addresses", "mz_dataflow_channels"),
    *("mz_message_counts", "mz_records_per_dataflow_operator"),
)
SAMPLE = Path(__file__).parent / "sources" / "data" / "recentchange.ndjson"


class Demo(Process):
    """The demo on free ports."""

    def __init__(self, *options: str | Path) -> None:
        self.port, self.engine_port = free_port(), free_port()
        ports = ["--port", str(self.port), "--engine-port", str(self.engine_port)]
        super().__init__(python_module("scripts.serving.demo", *ports, *options), stdout=None)

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each part, by name."""
        found = re.findall(r"(\w+): started \(pid=(\d+)\)", self.output)
        return {name: int(pid) for name, pid in found}

    @property
    def folder(self) -> Path:
        match = re.search(r"tail -f (\S+)/recentchanges", self.output)
        assert match is not None
        return Path(match[1])

    def wait_until_ready(self) -> None:
        wait_until(
            lambda: "Ctrl-C ends everything" in self.output or self.popen.poll() is not None,
            "the demo prints where to look",
        )
        assert self.popen.poll() is None, self.output

    def select(self, query: str) -> list[tuple[object, ...]]:
        dsn = f"host=127.0.0.1 port={self.engine_port} user=materialize dbname=materialize"
        connection = psycopg2.connect(dsn)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("options", [[], ["--no-pipes"]])
def test_check_proves_every_view(options: list[str]) -> None:
    checked = subprocess.run(
        python_module("scripts.serving.demo", "--check", *options),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = checked.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", view] for view in VIEWS]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left_after_any_signal(number: signal.Signals) -> None:
    with Demo("--source", "generated") as demo:
        demo.wait_until_ready()
        # Four parts, and two scripts for each of the three views that come by pipes.
        wait_until(lambda: len(descendants_of(demo.pid)) >= 4 + 6, "all processes run")
        running = descendants_of(demo.pid)
        folder = demo.folder
        assert folder.is_dir()
        demo.send(number)
        demo.wait()
        wait_until(lambda: not any(map(is_running, running)), "all its processes are gone")
        if number is signal.SIGKILL:
            shutil.rmtree(folder)  # a killed process cannot remove it
        else:
            assert demo.popen.returncode == 128 + number
            assert not folder.exists()
    for port in (demo.port, demo.engine_port):
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("name", ["source", "engine", "server", "pipeline"])
def test_it_heals_when_a_process_is_killed(name: str) -> None:
    """The views go on counting, also those that a page already follows."""
    with Demo("--source", "generated") as demo:
        demo.wait_until_ready()

        async def kill_and_follow() -> None:
            async with following(f"http://127.0.0.1:{demo.port}", "counter") as client:
                await client.until(lambda: count(client) > 0)
                before = count(client)
                os.kill(demo.pids[name], signal.SIGKILL)
                await client.until(lambda: f"{name}: ended with status -9" in demo.output)
                await client.until(lambda: count(client) > before + 100)

        asyncio.run(kill_and_follow())
        assert demo.is_running
        assert (demo.folder / "engine").is_dir()


def count(client: Witness) -> int:
    return sum(int(row[0] or 0) for row in client.rows("counter"))


def test_a_file_is_replayed_and_its_views_stay(tmp_path: Path) -> None:
    options = ("--source", SAMPLE, "--rate", "0", "--keep", tmp_path / "kept")
    with Demo(*options) as demo:
        demo.wait_until_ready()
        wait_until(lambda: demo.select("SELECT * FROM counter") == [(16,)], "all are counted")
        wait_until(lambda: "16 events written" in demo.output, "their number is logged")
        assert f"source    {SAMPLE.name}, as fast as possible" in demo.output
        health = requests.get(f"http://127.0.0.1:{demo.port}/healthz", timeout=60).json()
        assert set(health["views"]) == set(VIEWS)
        demo.send(signal.SIGINT)
        assert demo.wait() == 130
    # Kept, and gone on from: the same file once more.
    with Demo(*options) as demo:
        demo.wait_until_ready()
        wait_until(lambda: demo.select("SELECT * FROM counter") == [(32,)], "all are counted")


def test_a_port_in_use_is_reported_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortError, match=rf"port {port} cannot be used .* give another --port"):
            usable_port(port, "--port")
        command = python_module("scripts.serving.demo", "--port", str(port))
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"demo: port {port} cannot be used (Address already in use): give another --port\n"
    )


def test_auto_is_live_if_wikimedia_answers_else_generated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo_plan, "PROBE", PATIENCE)
    with serve(EventStream([b'{"meta":{"id":"1"}}'])) as stream:
        monkeypatch.setattr(live, "URL", stream.url)
        assert choose_source("auto", 50.0) == (("live",), "Wikimedia's live event stream")
    with serve(EventStream([], [(403, {})])) as stream:
        monkeypatch.setattr(live, "URL", stream.url)
        source, label = choose_source("auto", 50.0)
    assert source == ("generate", "--rate", "50.0")
    assert "50 a second (the stream answers 403: Wikimedia refuses programs whose" in label
    assert "set VIEWSTREAM_CONTACT to a page or an address" in label
    source, label = choose_source("auto", 50.0)
    assert source == ("generate", "--rate", "50.0")
    reason = "Wikimedia cannot be reached (ConnectionError)"  # its server has ended
    assert label == f"generated events, about 50 a second ({reason})"


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(DemoError, match=r"live, generated or a file of events .*, found 'nowhere'"):
        choose_source("nowhere", 50.0)


def test_visitors_are_not_shown_the_folder_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").touch()
    _, label = choose_source(str(tmp_path / "events.ndjson"), 12.0)
    assert label == "events.ndjson, 12 a second"


def test_every_materialized_view_of_the_sql_is_served() -> None:
    assert demo_views() == VIEWS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "99999999"], "--port: expected a port from 0 to 65535, found '99999999'"),
        (["--port", "-1"], "--port: expected a port from 0 to 65535, found '-1'"),
        (["--engine-port", "65536"], "--engine-port: expected a port from 0 to 65535"),
        (["--port", "x"], "--port: expected a port from 0 to 65535, found 'x'"),
        (["--port", "6875"], "--port and --engine-port to differ, found 6875 for both"),
        (["--port", "7", "--engine-port", "7"], "to differ, found 7 for both"),
        (["--rate", "-1"], "--rate: expected a rate of 0 or more, found '-1'"),
        (["--check", "--port", "8888"], "leave out --port\n"),
        (
            [*("--check", "--keep", "x", "--rate", "0"), *("--source", "live", "--engine-port=0")],
            "leave out --source, --rate, --engine-port, --keep\n",
        ),
    ],
)
def test_contradicting_options_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_arguments(arguments)
    assert message in capsys.readouterr().err


def test_options_have_defaults() -> None:
    options = parse_arguments(["--rate", "0"])
    assert (options.source, options.rate, options.keep, options.check) == ("auto", 0, None, False)
    assert (options.port, options.engine_port) == (8888, 6875)
    both_free = parse_arguments(["--port", "0", "--engine-port", "0"])
    assert both_free.port == both_free.engine_port == 0
    assert parse_arguments(["--check"]).check


def test_a_folder_that_cannot_be_kept_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path, reason in [
        (file, "a file is in its way"),
        (file / "below", "a file is in its way"),
        (Path("/proc/nothing"), "it cannot be made there"),
    ]:
        with pytest.raises(FolderError) as caught, working_folder(path):
            pass
        assert str(caught.value) == (
            f"expected a folder to write into as --keep, found {str(path)!r}: {reason}"
        )


def test_the_folder_is_fresh_and_removed_unless_it_is_kept(tmp_path: Path) -> None:
    with working_folder(None) as first, working_folder(None) as second:
        assert first != second
        (first / "file").touch()
    assert not first.exists()
    with working_folder(tmp_path / "a" / "b") as kept:
        (kept / "file").touch()
    assert (kept / "file").exists()


def test_each_process_could_be_started_by_hand(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, 1, 2, ("generate", "--rate", "5"), "")
    for part in (plan.source, plan.engine, plan.server, plan.pipeline):
        assert part is not None
        command = [*part.command[: part.command.index("-m") + 2], "--help"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        shown = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
        assert shown.returncode == 0, shown.stderr
