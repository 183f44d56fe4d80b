"""tail_view.py resumes a stream, or proves where another one begins."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.support.processes import wait_until
from tests.support.scripted_tail import EPOCH, Engine, play
from tests.support.scripted_wire import ScriptedWire, Session
from tests.support.tail_text import progress, row
from tests.viewstream.tail_process import END, HEADER, arguments, copies, run, running
from viewstream.protocol import MAX_TIME


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
            arguments(wire.dsn, "top10", "--resume", f"{EPOCH}:40"), capture_output=True, timeout=60
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
        assert process.wait() == -signal.SIGTERM
        assert process.popen.stdout is not None
        assert process.popen.stdout.read() == b""


def test_a_view_that_ends_without_a_row_is_proved_too() -> None:
    engine = Engine([play(wait=False), play(progress(50), wait=False)], ids=["u6", "u7"])
    printed, _, status, asked = run(engine)
    assert printed == HEADER + progress(50) + progress(MAX_TIME)
    assert (status, len(asked)) == (0, 2)
