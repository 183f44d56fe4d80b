"""The supervisor restarts a part that dies, and gives up one that can never start."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.procfs import is_running
from scripts.supervisor import Part, PartError, Supervisor, run_until_first_ends
from tests.support.processes import wait_until

SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


def part(script: str, ready: str | None = "ready") -> Part:
    return Part("part", [sys.executable, "-c", script], ready)


def supervise(check: Callable[[Supervisor, list[str]], Awaitable[None]]) -> list[str]:
    """Run `check` with a supervisor; returns the lines that it has shown."""
    lines: list[str] = []

    async def run() -> None:
        async with asyncio.timeout(120):
            async with Supervisor(
                {"GREETING": "hello"}, log=lambda line, level: lines.append(line)
            ) as supervisor:
                await check(supervisor, lines)

    asyncio.run(run())
    return lines


def pids(lines: list[str]) -> list[int]:
    return [int(found) for found in re.findall(r"started \(pid=(\d+)\)", "\n".join(lines))]


def test_output_has_the_name_of_the_part_once() -> None:
    async def check(supervisor: Supervisor, lines: list[str]) -> None:
        await supervisor.start(
            part("import os; print('part: ' + os.environ['GREETING'], flush=True);" + SLEEP)
        )

    assert supervise(check)[1:] == ["part: hello", "part: ready"]


def test_a_part_that_is_killed_is_started_again_and_all_end_with_the_block() -> None:
    async def check(supervisor: Supervisor, lines: list[str]) -> None:
        await supervisor.start(part(SLEEP))
        os.kill(pids(lines)[0], signal.SIGKILL)
        await asyncio.to_thread(
            wait_until,
            lambda: len(pids(lines)) == 2 and lines.count("part: ready") == 2,
            "the part is ready again",
        )

    lines = supervise(check)
    ends = [line for line in lines if "ended with status -9; starting again in" in line]
    assert len(ends) == 1
    assert not any(map(is_running, pids(lines)))


@pytest.mark.parametrize("status", [0, 1, 2])
def test_a_part_that_ends_before_it_was_ready_cannot_be_started(status: int) -> None:
    async def check(supervisor: Supervisor, lines: list[str]) -> None:
        with pytest.raises(PartError, match=f"part ended with status {status}"):
            await supervisor.start(part(f"raise SystemExit({status})"))

    assert len(pids(supervise(check))) == 1


def test_a_wrong_command_line_fails_it_later_too(tmp_path: Path) -> None:
    """As after an update of the program under a running supervisor."""
    flag = tmp_path / "updated"
    script = f"import os; os.path.exists({str(flag)!r}) and exit(2);" + SLEEP

    async def check(supervisor: Supervisor, lines: list[str]) -> None:
        await supervisor.start(part(script))
        flag.touch()
        os.kill(pids(lines)[0], signal.SIGKILL)
        with pytest.raises(PartError, match="part ended with status 2"):
            await supervisor.wait()

    supervise(check)


def test_a_part_without_a_ready_line_is_ready_at_once() -> None:
    async def check(supervisor: Supervisor, lines: list[str]) -> None:
        await supervisor.start(part("import time; time.sleep(600)", None))

    assert len(pids(supervise(check))) == 1


def test_the_first_that_ends_or_fails_cancels_the_others() -> None:
    cancelled = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def fail() -> None:
        raise PartError("broken")

    with pytest.raises(PartError, match="broken"):
        asyncio.run(run_until_first_ends([wait(), fail()]))
    assert cancelled == [True]


def test_parts_end_in_the_reverse_order_of_their_starts() -> None:
    farewell = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')));"
    )

    async def check(supervisor: Supervisor, lines: list[str]) -> None:
        for name in ("engine", "server", "pipeline"):
            await supervisor.start(Part(name, [sys.executable, "-c", farewell + SLEEP], "ready"))
        waiting = asyncio.ensure_future(supervisor.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    ends = [line.partition(":")[0] for line in supervise(check) if line.endswith("bye")]
    assert ends == ["pipeline", "server", "engine"]


def test_a_part_that_dies_again_and_again_is_a_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.supervisor.FIRST_DELAY", 0.01)
    monkeypatch.setattr("scripts.supervisor.LONGEST_DELAY", 0.02)
    shown: list[str] = []

    async def run() -> None:
        starts = 0

        def log(line: str, level: int) -> None:
            shown.append(line)

        script = "import sys; print('ready'); print('broken'); sys.exit(1)"
        part = Part("part", [sys.executable, "-c", script], ready="ready")
        async with Supervisor({}, log=log) as supervisor:
            original = supervisor._run

            async def counted(*arguments: Any) -> int:
                nonlocal starts
                starts += 1
                return await original(*arguments)

            monkeypatch.setattr(supervisor, "_run", counted)
            await supervisor.start(part)
            async with asyncio.timeout(120):
                while starts < 8:  # noqa: ASYNC110 -- no event
                    await asyncio.sleep(0.01)

    asyncio.run(run())
    assert sum("broken" in line for line in shown) == 2, "one of the first run, one of the outage"
    assert sum("ended with status 1" in line for line in shown) == 1
    assert sum("part: started (pid=" in line for line in shown) == 2
