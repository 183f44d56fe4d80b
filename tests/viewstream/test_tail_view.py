"""tail_view.py as a process, against a scripted engine: its statements, output and exit."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tail_view
from tests.support.processes import ROOT, Process, wait_until
from tests.support.recordings import TAIL_VERSIONS, TODAY, recorded_facts, recording
from tests.support.scripted_tail import EPOCH, Engine, play, play_recording
from tests.support.scripted_wire import ScriptedWire, Session
from tests.support.tail_text import progress, row
from viewstream import pipes
from viewstream.beginning import TailText
from viewstream.exit_status import ExitStatus
from viewstream.protocol import MAX_TIME

HEADER = f"# epoch {EPOCH}\n".encode()
END = b"%d\tt\t\\N\n" % MAX_TIME


def arguments(dsn: str, *options: str) -> list[str]:
    return [sys.executable, "tail_view.py", *(options or ("top10",)), "--dsn", dsn]


def copies(wire: ScriptedWire) -> list[str]:
    return [statement for statement in wire.statements if statement.startswith("COPY")]


def run(engine: Engine, *options: str) -> tuple[bytes, str, int, list[str]]:
    """Run to the end: what it printed, said, its status, and the COPYs that it asked for."""
    with ScriptedWire(engine) as wire:
        done = subprocess.run(arguments(wire.dsn, *options), capture_output=True, timeout=30)
        return done.stdout, done.stderr.decode(), done.returncode, copies(wire)


@contextmanager
def running(engine: Engine, *options: str) -> Iterator[tuple[Process, ScriptedWire]]:
    with ScriptedWire(engine) as wire, Process(arguments(wire.dsn, *options)) as process:
        yield process, wire


def read_until(process: Process, end: bytes) -> bytes:
    """Read its output up to `end`."""
    assert process.popen.stdout is not None
    printed = b""
    while not printed.endswith(end):
        chunk = os.read(process.popen.stdout.fileno(), 65536)
        assert chunk, f"it ended after {printed!r}: {process.stderr}"
        printed += chunk
    return printed


# Recordings of a real engine


@pytest.mark.parametrize("version", TAIL_VERSIONS)
@pytest.mark.parametrize("name", ["idle", "start-under-load", "odd-values"])
def test_recordings_from_the_present(version: str, name: str) -> None:
    recorded = recording(version, f"{name}.copy")
    printed, said, status, asked = run(Engine([play_recording(recorded)]))
    width = recorded.split(b"\n", 1)[0].count(b"\t") - 2
    assert printed == HEADER + recorded + progress(MAX_TIME, width)
    assert (said, status) == ("", 0)
    assert asked == ['COPY (TAIL "public"."top10" WITH (SNAPSHOT = false, PROGRESS)) TO STDOUT']


@pytest.mark.parametrize("version", TAIL_VERSIONS)
def test_recording_of_a_snapshot_read_as_a_present(version: str) -> None:
    """The snapshot's rows come before the first progress row, and below it: a base holds them."""
    recorded = recording(version, "snapshot-with-progress.copy")
    lines = recorded.splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if b"\tt\t" in line)
    printed, _, status, _ = run(Engine([play_recording(recorded)]))
    assert printed == HEADER + b"".join(lines[first:]) + progress(MAX_TIME, 2)
    assert status == 0


@pytest.mark.parametrize("version", TAIL_VERSIONS)
def test_recording_of_a_resumed_tail(version: str) -> None:
    recorded = recording(version, "resume-as-of.copy")
    as_of = recorded_facts(version)["as_of"]
    engine = Engine([play_recording(recorded)])
    printed, said, status, asked = run(engine, "top10", "--resume", f"{EPOCH}:{as_of + 1}")
    assert printed == HEADER + progress(as_of + 1, 2) + recorded + progress(MAX_TIME, 2)
    assert (said, status) == ("", 0)
    assert asked[0].endswith(f"PROGRESS) AS OF {as_of}) TO STDOUT")


@pytest.mark.parametrize("version", TAIL_VERSIONS)
def test_recording_of_a_constant_view(version: str) -> None:
    recorded = recording(version, "constant-view.copy")
    assert run(Engine([play_recording(recorded)]))[0] == HEADER + progress(MAX_TIME, 2)
    assert run(Engine([play(wait=False)]))[0] == HEADER + END


def today(tail: Callable[[str, Session], None]) -> Engine:
    return Engine([tail], version="v26.28.0-dev (recorded)")


def after_first_progress(recorded: bytes) -> bytes:
    """The stream that begins one above the first row, which is progress at the AS OF."""
    first, *lines = recorded.splitlines(keepends=True)
    time, width = int(first.split(b"\t")[0]), first.count(b"\t") - 2
    kept = [line for line in lines if int(line.split(b"\t")[0]) > time]
    return HEADER + progress(time + 1, width) + b"".join(kept)


@pytest.mark.parametrize(
    "name", ["idle", "start-under-load", "odd-values", "snapshot-with-progress", "constant-view"]
)
def test_recordings_of_a_subscribe_from_the_present(name: str) -> None:
    recorded = recording(TODAY, f"{name}.copy")
    printed, said, status, asked = run(today(play_recording(recorded)))
    width = recorded.split(b"\n", 1)[0].count(b"\t") - 2
    assert printed == after_first_progress(recorded) + progress(MAX_TIME, width)
    assert (said, status) == ("", 0)
    assert asked == [
        'COPY (SUBSCRIBE "public"."top10" WITH (SNAPSHOT = false, PROGRESS)) TO STDOUT'
    ]


def test_recording_of_a_constant_view_without_a_snapshot() -> None:
    recorded = recording(TODAY, "constant-view-no-snapshot.copy")
    printed, said, status, _ = run(today(play_recording(recorded)))
    assert printed == after_first_progress(recorded) + progress(MAX_TIME, 1)
    assert (said, status) == ("", 0)


def test_recording_of_a_resumed_subscribe() -> None:
    recorded = recording(TODAY, "resume-as-of.copy")
    as_of = recorded_facts(TODAY)["as_of"]
    engine = today(play_recording(recorded))
    printed, said, status, asked = run(engine, "top10", "--resume", f"{EPOCH}:{as_of + 1}")
    assert printed == after_first_progress(recorded) + progress(MAX_TIME, 2)
    assert (said, status) == ("", 0)
    assert asked[0].endswith(f"PROGRESS) AS OF {as_of}) TO STDOUT")


def test_recording_of_a_view_that_was_dropped() -> None:
    recorded = recording(TODAY, "dropped-view.copy")

    def drop(_: str, session: Session) -> None:
        session.copy_begin(4)
        for line in recorded.splitlines(keepends=True):
            session.copy_data(line)
        session.error("relation 'materialize.public.top10' was dropped")

    printed, said, status, _ = run(today(drop))
    assert printed == after_first_progress(recorded)
    assert said == "tail_view: top10: relation 'materialize.public.top10' was dropped\n"
    assert status == ExitStatus.FAILED


# Resuming


def test_resumes_only_in_the_same_epoch() -> None:
    engine = Engine([play(progress(50), wait=False)])
    printed, said, status, asked = run(engine, "top10", "--resume", "1577927045678-u6:40")
    assert printed == HEADER + progress(50) + progress(MAX_TIME)
    assert said == (
        f"tail_view: the epoch of top10 is {EPOCH}, not that of 1577927045678-u6:40:"
        " from the present\n"
    )
    assert (status, "AS OF" in asked[0]) == (0, False)


@pytest.mark.parametrize("position", ["", " \n"])
def test_an_empty_position_means_the_present(position: str) -> None:
    printed, said, _, asked = run(
        Engine([play(progress(50), wait=False)]), "top10", "--resume", position
    )
    assert printed == HEADER + progress(50) + progress(MAX_TIME)
    assert (said, "AS OF" in asked[0]) == ("", False)


def test_a_view_that_had_ended_is_asked_again_from_the_present_and_quietly() -> None:
    printed, said, status, asked = run(
        Engine([play(wait=False)]), "top10", "--resume", f"{EPOCH}:{MAX_TIME}"
    )
    assert (printed, said, status) == (HEADER + END, "", 0)
    assert "AS OF" not in asked[0]


def test_a_resume_that_the_engine_refuses_starts_from_the_present() -> None:
    def refuse(_: str, session: Session) -> None:
        session.error("Timestamp (39) is not valid for all inputs: [Antichain [40]]")

    engine = Engine([refuse, play(progress(50), wait=False)])
    printed, said, status, asked = run(engine, "top10", "--resume", f"{EPOCH}:40")
    assert printed == HEADER + progress(50) + progress(MAX_TIME)
    assert said == (
        f"tail_view: cannot resume top10 at {EPOCH}:40 (Timestamp (39) is not valid for all "
        "inputs: [Antichain [40]]): from the present\n"
    )
    assert status == 0
    assert ["AS OF 39" in statement for statement in asked] == [True, False]


def test_a_resume_that_is_refused_after_the_copy_began_starts_from_the_present() -> None:
    def refuse(_: str, session: Session) -> None:
        session.copy_begin(4)
        session.error("Timestamp (39) is not valid for all inputs: [Antichain [40]]")

    engine = Engine([refuse, play(progress(50), wait=False)])
    printed, *_ = run(engine, "top10", "--resume", f"{EPOCH}:40")
    assert printed == HEADER + progress(50) + progress(MAX_TIME)


def test_a_lost_connection_is_no_reason_to_start_from_the_present() -> None:
    engine = Engine([lambda _, session: session.lose()])
    printed, said, status, asked = run(engine, "top10", "--resume", f"{EPOCH}:40")
    assert (printed, status, len(asked)) == (b"", 1, 1)
    assert said == "tail_view: top10: the engine went away\n"


def test_a_second_connection_that_fails_is_no_reason_to_start_from_the_present() -> None:
    """The COPY was not refused: to start from the present would cost every client a base."""
    engine = Engine([play(progress(39), row(40, 1, "a"))])

    def crowded(statement: str, session: Session) -> None:
        if "mz_objects" in statement and copies(wire):
            session.error("sorry, too many clients already", "53300")
        else:
            engine(statement, session)

    with ScriptedWire(crowded) as wire:
        done = subprocess.run(
            arguments(wire.dsn, "top10", "--resume", f"{EPOCH}:40"), capture_output=True, timeout=30
        )
    assert (done.stdout, done.returncode, len(copies(wire))) == (b"", 1, 1)
    assert done.stderr == b"tail_view: top10: sorry, too many clients already\n"


# Epochs


def test_a_view_replaced_as_its_tail_begins_is_not_printed_under_the_old_name() -> None:
    """The TAIL may run on the old view or on the new: nobody can tell, so it starts over."""
    engine = Engine(
        [play(progress(40), row(41, 1, "of which view?")), play(progress(50), wait=False)],
        ids=["u6", "u7"],
    )
    printed, said, status, asked = run(engine)
    assert printed == HEADER + progress(50) + progress(MAX_TIME)
    assert (said, status, len(asked)) == ("", 0, 2)


@pytest.mark.parametrize("position", ["", f"{EPOCH}:40"])
def test_a_tail_that_stays_silent_prints_nothing(position: str) -> None:
    """Not even a header: what was not proved must not be posted, and is not known to be alive."""
    with running(Engine([play()]), "top10", "--resume", position) as (process, wire):
        wait_until(lambda: copies(wire), "the TAIL begins")
        process.send(signal.SIGTERM)
        assert process.wait(5) == -signal.SIGTERM
        assert process.popen.stdout is not None
        assert process.popen.stdout.read() == b""


def test_a_view_that_ends_without_a_row_is_proved_too() -> None:
    engine = Engine([play(wait=False), play(progress(50), wait=False)], ids=["u6", "u7"])
    printed, _, status, asked = run(engine)
    assert printed == HEADER + progress(50) + progress(MAX_TIME)
    assert (status, len(asked)) == (0, 2)


# Connections

GREETING = [f"line {number} of a welcome" for number in range(11)]


@pytest.mark.parametrize("options", [(), ("--once",)])
def test_the_greeting_of_an_engine_stays_out_of_stderr(options: tuple[str, ...]) -> None:
    with ScriptedWire(Engine([play(progress(50), wait=False)])) as wire:
        wire.greeting = GREETING
        done = subprocess.run(
            arguments(wire.dsn, "top10", *options), capture_output=True, timeout=30
        )
    assert (done.stderr, done.returncode) == (b"", 0)
    assert wire.startups


def test_the_options_of_the_user_prevail() -> None:
    with ScriptedWire(Engine([play(progress(50), wait=False)])) as wire:
        wire.greeting = GREETING
        dsn = f"{wire.dsn} options='-c client_min_messages=notice -c cluster=quick'"
        environment = {**os.environ, "PGOPTIONS": "-c cluster=slow"}
        subprocess.run(arguments(dsn), capture_output=True, check=True, timeout=30, env=environment)
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
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = subprocess.run(
        arguments(f"host=127.0.0.1 port={port} user=materialize"), capture_output=True, timeout=30
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
    done = subprocess.run(arguments("host=127.0.0.1", *options), capture_output=True, timeout=30)
    assert done.returncode == 2
    assert message in done.stderr.decode()


# Stopping


def test_it_stops_quietly_when_its_reader_goes_away_though_the_view_is_idle() -> None:
    with running(Engine([play(progress(50))])) as (process, _):
        read_until(process, progress(50))
        assert process.popen.stdout is not None
        process.popen.stdout.close()
        assert process.wait(5) == -signal.SIGPIPE
        assert process.stderr == ""


def test_it_stops_quietly_when_its_reader_goes_away_before_the_first_row() -> None:
    with running(Engine([play()])) as (process, wire):
        wait_until(lambda: copies(wire), "the TAIL begins")
        assert process.popen.stdout is not None
        process.popen.stdout.close()
        assert process.wait(5) == -signal.SIGPIPE
        assert process.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_quietly_when_it_is_interrupted(number: signal.Signals) -> None:
    with running(Engine([play(progress(50))])) as (process, _):
        read_until(process, progress(50))
        process.send(number)
        assert process.wait(5) == -number
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
    done = subprocess.run([ROOT / script, "--help"], cwd=tmp_path, capture_output=True, timeout=30)
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
