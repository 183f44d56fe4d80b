"""One class for child processes: bound to its parent, waited for, and ended."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import child
from scripts.child import Child, ChildError
from scripts.procfs import is_running
from tests.support.processes import wait_until

SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def python(script: str) -> list[str]:
    return [sys.executable, "-c", script]


def test_output_of_both_streams_is_captured_and_waited_for() -> None:
    script = "import sys; print('port 5', flush=True); print('bad', file=sys.stderr)"
    with Child(python(script)) as process:
        assert process.wait_for(r"^port (\d+)$")[1] == "5"
        assert process.wait() == 0
        assert sorted(process.output.split("\n")) == ["", "bad", "port 5"]


def test_a_stream_that_is_given_is_not_captured() -> None:
    script = "import sys; print('out'); print('err', file=sys.stderr)"
    with Child(python(script), stdout=subprocess.PIPE) as process:
        assert process.popen.stdout is not None
        assert process.popen.stdout.read() == b"out\n"
        assert process.wait() == 0
        assert process.output == "err\n"
    with Child(python(script), stderr=subprocess.DEVNULL) as process:
        assert process.wait() == 0
        assert process.output == "out\n"


def test_chunks_are_passed_on_and_only_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "KEPT_OUTPUT", 100)
    chunks: list[bytes] = []
    script = "import sys; sys.stdout.write('x' * 5000 + 'end')"
    with Child(python(script), on_output=chunks.append) as process:
        process.wait()
        assert process.output == "x" * 97 + "end"
    assert b"".join(chunks) == b"x" * 5000 + b"end"


def test_an_end_before_the_ready_line_is_an_error_with_the_output() -> None:
    with (
        Child(python("print('no room'); raise SystemExit(3)")) as process,
        pytest.raises(ChildError, match=r"(?s)ended with 3 before it printed 'ready'.*no room"),
    ):
        process.wait_for("ready")


def test_a_ready_line_that_does_not_come_is_an_error() -> None:
    with (
        Child(python("import time; time.sleep(600)")) as process,
        pytest.raises(ChildError, match=r"did not print within 0\.1 s 'ready'"),
    ):
        process.wait_for("ready", 0.1)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_close_ends_it_also_when_it_is_stopped(is_stopped: bool) -> None:
    process = Child(python(SLEEP))
    process.wait_for("ready")
    if is_stopped:
        process.send(signal.SIGSTOP)
    process.close()
    assert process.popen.returncode == -signal.SIGTERM


def test_close_kills_what_does_not_end() -> None:
    process = Child(python(STUBBORN))
    process.wait_for("ready")
    process.close(grace=0.1)
    assert process.popen.returncode == -signal.SIGKILL


def test_its_end_is_awaited_without_blocking_the_loop() -> None:
    async def run() -> None:
        many = [Child(python(f"raise SystemExit({status})")) for status in range(12)]
        stubborn = Child(python(STUBBORN))
        await asyncio.to_thread(stubborn.wait_for, "ready")
        assert await asyncio.gather(*(one.ended() for one in many)) == list(range(12))
        await stubborn.aclose(grace=0.1)
        assert stubborn.popen.returncode == -signal.SIGKILL
        for one in many:
            await one.aclose()

    asyncio.run(run())


def test_a_limit_of_file_size_fails_the_write(tmp_path: Path) -> None:
    script = f"open({str(tmp_path / 'file')!r}, 'wb', buffering=0).write(b'x' * 100); print('all')"
    with Child(python(script), file_size=10) as process:
        process.wait()
    assert (tmp_path / "file").stat().st_size == 10


PARENT = """
import sys, time
from scripts.child import Child
child = Child([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's PR_SET_PDEATHSIG")
def test_it_ends_when_its_parent_is_killed() -> None:
    with Child(python(PARENT)) as parent:
        pid = int(parent.wait_for(r"^(\d+)$")[1])
        assert is_running(pid)
        parent.kill()
        wait_until(lambda: not is_running(pid), "the child of the killed process ends")


def test_it_does_not_end_with_the_thread_that_started_it() -> None:
    """Linux binds a child to the thread that forked it; only the main thread lives long enough."""

    async def start() -> Child:
        command = python("input(); print('alive', flush=True)")
        return await asyncio.to_thread(lambda: Child(command, stdin=subprocess.PIPE))

    with asyncio.run(start()) as process:  # the threads of the loop have ended
        assert process.popen.stdin is not None
        process.popen.stdin.write(b"\n")
        process.popen.stdin.flush()
        process.wait_for("alive")
