"""The source as a process: its modes, its limit, its end, and a kill at any moment."""

import json
import random
import signal
import sys
from pathlib import Path

import pytest

from scripts.sources.options import parse_bytes
from tests.scripts.sources.test_append import PATTERN, rows
from tests.support.event_stream import EventStream, serve
from tests.support.processes import ROOT, Process, wait_until

SAMPLE = Path(__file__).parent / "data" / "recentchange.ndjson"


def source(*arguments: str | Path) -> Process:
    return Process([sys.executable, "-m", "scripts.sources", *arguments])


def test_generate_writes_what_the_source_pattern_reads(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with source("generate", "--rate", "0", "--count", "500", path) as process:
        assert process.wait() == 0
    assert process.stderr.startswith("source: 500 events written, the file has ")
    assert process.stderr.count("\n") == 1
    assert len(rows(path)) == 500
    assert all(json.loads(row)["user"] for row in rows(path))


def test_replay_appends_a_file_and_counts_what_it_leaves_out(tmp_path: Path) -> None:
    path, bad = tmp_path / "changes", tmp_path / "bad"
    bad.write_bytes(SAMPLE.read_bytes() + b'{"a":NaN}\n{"b":"\\u0000"}\n\xff\xfe\n{"c":NaN}\n')
    with source("replay", "--rate", "0", "--from", bad, path) as process:
        assert process.wait() == 0
    assert rows(path) == SAMPLE.read_bytes().splitlines()
    assert "Warning" not in process.stderr
    assert "source: left out an event: not JSON\n" in process.stderr
    assert "; left out 4 (2 not JSON, 1 a NUL character, 1 not UTF-8)" in process.stderr


def test_replay_reads_stdin(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with (
        SAMPLE.open("rb") as sample,
        Process(
            [sys.executable, "-m", "scripts.sources", "replay", "--rate", "0", path],
            stdin=sample.fileno(),
        ) as process,
    ):
        assert process.wait() == 0
    assert rows(path) == SAMPLE.read_bytes().splitlines()


def test_live_follows_a_stream_that_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    events = SAMPLE.read_bytes().splitlines()
    with (
        serve(EventStream(events, [5000, 0, None], overlap=2)) as stream,
        source("live", "--url", stream.url, path) as process,
    ):
        wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") == 16, "16 lines")
        process.send(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
    assert rows(path) == events
    assert "connecting again in" in process.stderr
    assert "Traceback" not in process.stderr


def test_it_may_stay_when_the_events_have_ended(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with source("generate", "--rate", "0", "--count", "5", "--stay", path) as process:
        process.wait_for("5 events written")
        assert process.popen.poll() is None
        process.send(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM


def test_at_the_limit_it_says_so_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with source("generate", "--rate", "0", "--max-bytes", "50KB", path) as process:
        assert process.wait() == 0
    assert 45_000 < path.stat().st_size <= 50_000
    assert f"{path} has reached its limit of 50,000 bytes: stopping" in process.stderr


def test_killed_at_any_moment_and_started_again_the_file_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    chance = random.Random(3)
    for attempt in range(4):
        before = path.stat().st_size if attempt else 0
        with source("generate", "--seed", str(attempt), "--rate", "0", path) as process:
            goal = before + chance.randrange(1, 2_000_000)
            wait_until(lambda: path.exists() and path.stat().st_size > goal, "it writes")  # noqa: B023
            process.kill()
        # A kill between two writes cuts no line; a machine that loses power does.
        with path.open("ab") as file:
            file.write(b'data: {"user":"\xf0\x9f' if attempt % 2 else b'data: {"user":"a"}')
    with source("generate", "--rate", "0", "--count", "1", path) as process:
        assert process.wait() == 0
    assert "was cut: ended it" in process.stderr
    lines = path.read_bytes().splitlines()
    assert sum(line.endswith(b" torn") for line in lines) == 4
    assert len(rows(path)) == len(lines) - 4
    assert all(PATTERN.match(line) for line in lines if not line.endswith(b" torn"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_quietly(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "changes"
    with source("generate", "--rate", "100", path) as process:
        wait_until(lambda: path.exists() and path.stat().st_size, "it writes")
        process.send(number)
        assert process.wait() == 128 + number
    assert process.stderr.count("\n") == 1
    assert "events written" in process.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replay", "--from", "/nowhere", "FILE"], "source: /nowhere: No such file or directory"),
        (["generate", "/nowhere/changes"], "source: /nowhere/changes: No such file or directory"),
        (["generate", "--rate", "-1", "FILE"], "expected a rate of 0 or more, found '-1'"),
        (["generate", "--max-bytes", "lots", "FILE"], "expected a size such as 2GB, found 'lots'"),
        (["live", "--url", "nonsense", "FILE"], "source: nonsense cannot be asked: Invalid URL"),
        (["generate"], "one of the arguments FILE --post is required"),
        (["dream", "FILE"], "invalid choice: 'dream'"),
    ],
)
def test_what_it_cannot_do_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    path = tmp_path / "changes"
    with source(*[path if argument == "FILE" else argument for argument in arguments]) as process:
        assert process.wait() != 0
    assert message in process.stderr.splitlines()[-1]


def test_two_sources_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with source("generate", path):
        wait_until(lambda: path.exists() and path.stat().st_size, "it writes")
        with source("generate", path) as second:
            assert second.wait() == 1
    assert second.stderr == f"source: another process is appending to {path}\n"


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ("64K", 64_000), ("100MB", 10**8), ("2 GB", 2 * 10**9), ("1.5g", 15 * 10**8)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_bytes(text) == size


def test_the_pattern_of_these_tests_is_that_of_the_source() -> None:
    sql = (ROOT / "sql" / "10_wikimedia.sql").read_text()
    assert f"FORMAT REGEX '{PATTERN.pattern.decode()}';" in sql
