"""tail_view.py against recordings of real engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.recordings import TAIL_VERSIONS, TODAY, recorded_facts, recording
from tests.support.scripted_tail import EPOCH, Engine, play, play_recording
from tests.support.scripted_wire import Session
from tests.support.tail_text import progress
from tests.viewstream.tail_process import END, HEADER, run
from viewstream.exit_status import ExitStatus
from viewstream.protocol import MAX_TIME


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
