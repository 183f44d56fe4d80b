"""tail_view.py as a process, against a scripted engine: its statements, output and exit."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import tail_view
from scripts.ports import free_port
from tests.support.processes import ROOT, wait_until
from tests.support.scripted_tail import EPOCH, Engine, play
from tests.support.scripted_wire import ScriptedWire, Session
from tests.support.tail_text import progress, row
from tests.viewstream.tail_process import HEADER, arguments, copies, read_until, run, running
from viewstream import pipes
from viewstream.beginning import TailText
from viewstream.exit_status import ExitStatus
from viewstream.protocol import MAX_TIME

# Connections

GREETING = [f"line {number} of a welcome" for number in range(11)]


@pytest.mark.parametrize("options", [(), ("--once",)])
def test_the_greeting_of_an_engine_stays_out_of_stderr(options: tuple[str, ...]) -> None:
    with ScriptedWire(Engine([play(progress(50), wait=False)])) as wire:
        wire.greeting = GREETING
        done = subprocess.run(
            arguments(wire.dsn, "top10", *options), capture_output=True, timeout=60
        )
    assert (done.stderr, done.returncode) == (b"", 0)
    assert wire.startups


def test_the_options_of_the_user_prevail() -> None:
    with ScriptedWire(Engine([play(progress(50), wait=False)])) as wire:
        wire.greeting = GREETING
        dsn = f"{wire.dsn} options='-c client_min_messages=notice -c cluster=quick'"
        environment = {**os.environ, "PGOPTIONS": "-c cluster=slow"}
        subprocess.run(arguments(dsn), capture_output=True, check=True, timeout=60, env=environment)
    quiet = "-c client_min_messages=warning"
    theirs = "-c client_min_messages=notice -c cluster=quick"
    assert {startup["options"] for startup in wire.startups} == {f"{quiet} {theirs}"}


# Versions


def test_newer_engines_are_asked_to_subscribe() -> None:
    engine = Engine([play(progress(50), row(51, 1, "a"), wait=False)], version="v0.27.0 (abc)")
    printed, _, _, asked = run(engine)
    assert printed == HEADER + progress(50) + row(51, 1, "a") + progress(MAX_TIME)
    assert asked[0].startswith("COPY (SUBSCRIBE ")


@pytest.mark.parametrize("version", ["v0.50.0 (abc)", "v0.164.2", "v26.1.0 (abc)"])
def test_since_v0_50_the_first_progress_row_is_at_the_as_of(version: str) -> None:
    engine = Engine([play(progress(50), row(51, 1, "a"), wait=False)], version=version)
    assert run(engine)[0] == HEADER + progress(51) + row(51, 1, "a") + progress(MAX_TIME)


def test_an_unknown_version_is_refused_for_good() -> None:
    _, said, status, _ = run(Engine([play()], version="next"))
    assert status == ExitStatus.REFUSED
    assert "expected a version such as v0.26.4 from mz_version(), found 'next'" in said


# The snapshot for a person


def test_the_snapshot_has_no_epoch_and_loses_nothing() -> None:
    text = [row(49, 1, "a"), progress(50), row(50, -1, "a")]
    printed, said, status, asked = run(Engine([play(*text, wait=False)]), "top10", "--snapshot")
    assert (printed, said, status) == (b"".join(text), "", 0)
    assert asked == ['COPY (TAIL "public"."top10" WITH (SNAPSHOT = true, PROGRESS)) TO STDOUT']


@pytest.mark.parametrize("options", [["--once"], ["--snapshot", "--once"]])
def test_the_rows_of_now_come_once_and_it_ends(options: list[str]) -> None:
    rows = [row(50, 1, "a"), row(50, 1, r"b\\c")]
    printed, said, status, asked = run(Engine([play(*rows, wait=False)]), "top10", *options)
    assert (printed, said, status) == (b"".join(rows), "", 0)
    assert asked == [
        'COPY (SELECT mz_logical_timestamp(), false, 1, * FROM "public"."top10") TO STDOUT'
    ]


def test_once_of_a_plain_view_fails_with_a_hint() -> None:
    def refuse(_: str, session: Session) -> None:
        session.error("unable to automatically determine a query timestamp")

    printed, said, status, _ = run(Engine([refuse]), "top10", "--once")
    assert (printed, status) == (b"", 1)
    assert said == (
        "tail_view: top10: top10 is a plain view: make it materialized, or give it an index\n"
    )


def test_a_name_without_schema_is_found_in_the_system_catalog() -> None:
    engine = Engine([play(progress(50), wait=False)], schema="mz_catalog")
    _, _, status, asked = run(engine, "mz_sources")
    assert status == 0
    assert asked == [
        'COPY (TAIL "mz_catalog"."mz_sources" WITH (SNAPSHOT = false, PROGRESS)) TO STDOUT'
    ]


# Errors


def test_a_refused_connection_is_one_line() -> None:
    port = free_port()
    done = subprocess.run(
        arguments(f"host=127.0.0.1 port={port} user=materialize"), capture_output=True, timeout=60
    )
    assert done.returncode == 1
    assert re.fullmatch(
        rb'tail_view: top10: connection to server at "127.0.0.1", port \d+ failed: '
        rb"Connection refused\n",
        done.stderr,
    )


def test_an_unknown_view_is_one_line() -> None:
    printed, said, status, asked = run(Engine([play()], ids=[""]))
    assert (printed, status, asked) == (b"", 1, [])
    assert said == "tail_view: top10: unknown view 'top10'\n"


def test_a_view_dropped_before_its_tail_is_unknown_also_when_resuming() -> None:
    engine = Engine([lambda _, session: session.error("unknown catalog item 'top10'")])
    printed, said, status, asked = run(engine, "top10", "--resume", f"{EPOCH}:40")
    assert (printed, status, len(asked)) == (b"", 1, 1)
    assert said == "tail_view: top10: unknown catalog item 'top10'\n"


def test_an_engine_that_dies_is_one_line() -> None:
    with running(Engine([play(progress(50), row(50, 1, "a"))])) as (process, wire):
        read_until(process, row(50, 1, "a"))
        wire.lose_all()
        assert process.wait() == 1
        assert process.stderr == "tail_view: top10: the engine went away\n"


def test_an_engine_that_ends_with_a_last_word_is_one_line() -> None:
    """psycopg2 prints a trace of its own when an error and the end of a COPY come together."""

    def end(_: str, session: Session) -> None:
        session.copy_begin(4)
        session.copy_data(progress(50))
        session.error("terminating connection due to administrator command", "57P01")
        session.lose()

    printed, said, status, _ = run(Engine([end]))
    assert (printed, status) == (HEADER + progress(50), 1)
    assert said == "tail_view: top10: the engine went away\n"


def test_an_error_in_the_middle_of_a_tail_is_one_line() -> None:
    def fail(_: str, session: Session) -> None:
        session.copy_begin(4)
        session.copy_data(progress(50))
        session.error("SUBSCRIBE fell behind")

    printed, said, status, _ = run(Engine([fail]), "top10", "--resume", f"{EPOCH}:40")
    assert (printed, status) == (HEADER + progress(40) + progress(50), 1)
    assert said == "tail_view: top10: SUBSCRIBE fell behind\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["top10", "--resume", "u7:40"], "expected an epoch such as 1606000000000-u7, found 'u7'"),
        (["top10", "--resume", "40"], "expected EPOCH:FRONTIER, found '40'"),
        (["a.b.c"], "expected a view as NAME or SCHEMA.NAME, found 'a.b.c'"),
        (["top10", "--snapshot", "--resume", "1-u7:1"], "not allowed with argument"),
        (["top10", "--once", "--resume", "1-u7:1"], "not allowed with argument"),
    ],
)
def test_wrong_options_are_usage_errors(options: list[str], message: str) -> None:
    done = subprocess.run(arguments("host=127.0.0.1", *options), capture_output=True, timeout=60)
    assert done.returncode == 2
    assert message in done.stderr.decode()


# Stopping


def test_it_stops_quietly_when_its_reader_goes_away_though_the_view_is_idle() -> None:
    with running(Engine([play(progress(50))])) as (process, _):
        read_until(process, progress(50))
        assert process.popen.stdout is not None
        process.popen.stdout.close()
        assert process.wait() == -signal.SIGPIPE
        assert process.stderr == ""


def test_it_stops_quietly_when_its_reader_goes_away_before_the_first_row() -> None:
    with running(Engine([play()])) as (process, wire):
        wait_until(lambda: copies(wire), "the TAIL begins")
        assert process.popen.stdout is not None
        process.popen.stdout.close()
        assert process.wait() == -signal.SIGPIPE
        assert process.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_quietly_when_it_is_interrupted(number: signal.Signals) -> None:
    with running(Engine([play(progress(50))])) as (process, _):
        read_until(process, progress(50))
        process.send(number)
        assert process.wait() == -number
        assert process.stderr == ""


def test_a_reader_that_does_not_read_makes_the_engine_wait() -> None:
    """Back-pressure: the rows of an endless TAIL stay in the engine, not in this process."""
    sent = 0

    def endless(_: str, session: Session) -> None:
        nonlocal sent
        session.copy_begin(4)
        session.copy_data(progress(50))
        piece = row(50, 1, "x" * 65536)
        while True:
            session.copy_data(piece)
            sent += len(piece)

    with running(Engine([endless])) as (process, _):
        last = -1

        def stands_still() -> bool:
            nonlocal last
            before, last = last, sent
            return before == last

        wait_until(lambda: sent > 1_000_000, "rows flow")
        for _ in range(3):
            wait_until(stands_still, "the engine has to wait")
        assert sent < 64 << 20
        assert process.popen.poll() is None


# As a command


@pytest.mark.skipif(not (ROOT / ".venv").exists(), reason="needs .venv, which scripts/venv makes")
@pytest.mark.parametrize("script", ["tail_view.py", "post_deltas.py"])
def test_it_is_a_command_that_runs_from_anywhere(script: str, tmp_path: Path) -> None:
    done = subprocess.run([ROOT / script, "--help"], cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script} ".encode())


# How often it writes


def printer(monkeypatch: pytest.MonkeyPatch) -> tuple[tail_view.Printer, list[bytes]]:
    """A printer whose epoch is proved and whose stream begins at 10, and what it has printed."""
    printed: list[bytes] = []
    monkeypatch.setattr(pipes.Stdout, "write", lambda _, data: printed.append(data))
    text = TailText(EPOCH, 10)
    printing = tail_view.Printer("", "top10", EPOCH, text)
    printing.has_begun = True
    printing.write(row(10, 1, "a"))
    assert printed == [HEADER + progress(10) + row(10, 1, "a")]
    printed.clear()
    return printing, printed


def test_rows_of_one_time_are_printed_when_another_time_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printing, printed = printer(monkeypatch)
    for number in range(1000):
        printing.write(row(10, 1, f"{number}"))
    assert printed == []
    for line in (progress(11), row(12, 1, "b"), row(123, 1, "c")):
        printing.write(line)
        assert printed.pop().endswith(line)
    printing.write(row(123, 1, "d"))
    printing.end()
    assert printed == [row(123, 1, "d") + progress(MAX_TIME, 1)]


def test_rows_of_one_time_wait_for_no_more_than_a_pipe_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printing, printed = printer(monkeypatch)
    for number in range(5000):
        printing.write(row(10, 1, f"{number:090}"))
    assert [len(data) for data in printed] == [len(printed[0])] * len(printed)
    assert 65_536 <= len(printed[0]) < 65_536 + 100
    printing.write(progress(11))
    assert b"".join(printed).count(b"\n") == 5001


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_pieces_that_are_no_rows_are_printed_at_once(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    printing, printed = printer(monkeypatch)
    text = b"".join(row(time, 1, "x") + progress(time + 1) for time in (10, 11, 12))
    for start in range(0, len(text), size):
        printing.write(text[start : start + size])
    assert b"".join(printed) == text
