"""Keeps processes running side by side: restarts each that ends, with backoff, and logs output.

A part that ends before it was ever ready has a wrong configuration, so it fails the supervisor;
later its end is taken for an accident, and heals.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeAlias

from scripts.child import PATIENCE, ROOT, Child
from scripts.outage_log import OutageLog
from viewstream.backoff import Backoff
from viewstream.exit_status import ExitStatus
from viewstream.log_format import VARIABLE, log_line, read_line

FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0
"""Bounds, in seconds, of the delay before a restart."""
SETTLED = 30.0
"""Seconds after which the delays begin short again."""

Log: TypeAlias = Callable[[str, int], None]
"""Writes a line `NAME: MESSAGE` with its level."""


class PartError(Exception):
    """A part cannot be started; the text says which, and with which status it ended."""


@dataclass(frozen=True)
class Part:
    """One process to keep running.

    It is ready once a line of its output matches `ready`, or at once if that is None.
    """

    name: str
    command: Sequence[str]
    ready: str | None = None


class Supervisor:
    """Runs parts until its `async with` block ends; `log` gets the lines of their output."""

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        cwd: Path = ROOT,
        log: Log = log_line,
    ) -> None:
        self._env = env
        self._cwd = cwd
        self._log = log
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, part: Part) -> None:
        """Start a part, and return once it is ready; raises PartError."""
        ready = asyncio.Event()
        task = asyncio.create_task(self._keep_running(part, ready))
        self._tasks.append(task)
        waiting = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait(
                {task, waiting}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()
        if task.done():
            task.result()
        if not ready.is_set():
            raise PartError(f"{part.name} was not ready within {PATIENCE:g} s")

    async def wait(self) -> None:
        """Wait until a part fails for good; raises PartError."""
        # Not gather, which would end all parts at once when this call is cancelled.
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()

    async def _keep_running(self, part: Part, ready: asyncio.Event) -> None:
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        outage = OutageLog(lambda line: self._log(line, logging.WARNING))
        log = self._log
        while True:
            began = time.monotonic()
            status = await self._run(part, ready, log)
            if not ready.is_set() or status == ExitStatus.USAGE:
                raise PartError(f"{part.name} ended with status {status}")
            if time.monotonic() - began > SETTLED:
                backoff.reset()
                outage.clear()
            delay = backoff.next_delay()
            outage.add(
                f"{part.name}: ended with status {status}", f"; starting again in {delay:.1f} s"
            )
            log = partial(self._log_once, outage, began=time.monotonic() + delay)
            await asyncio.sleep(delay)

    def _log_once(self, outage: OutageLog, line: str, level: int, *, began: float) -> None:
        """Log a line of a part that was started again: once an outage, until it has settled."""
        if time.monotonic() - began > SETTLED:
            self._log(line, level)
        else:
            key, found, detail = line.partition(" (pid=")
            outage.add(key, found + detail)

    async def _run(self, part: Part, ready: asyncio.Event, log: Log) -> int:
        """Run a part once, to its end; return its exit status."""
        loop = asyncio.get_running_loop()
        output = _Output(part, log, lambda: loop.call_soon_threadsafe(ready.set))
        child = Child(
            part.command,
            cwd=self._cwd,
            env={VARIABLE: "json", **self._env},
            on_output=output.feed,
            new_session=True,
        )
        log(f"{part.name}: started (pid={child.pid})", logging.INFO)
        if part.ready is None:
            ready.set()
        try:
            return await child.ended()
        finally:
            await asyncio.shield(child.aclose())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        # The last one first, so that no part reports that another one went away.
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def run_until_first_ends(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait until the first returns or raises, and cancel the others."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Output:
    """Cuts the output of one run into lines, logs them, and looks for the ready line."""

    def __init__(self, part: Part, log: Log, on_ready: Callable[[], object]) -> None:
        self._part = part
        self._log = log
        self._on_ready = on_ready
        self._rest = b""

    def feed(self, output: bytes) -> None:
        *lines, self._rest = (self._rest + output).split(b"\n")
        for line in lines:
            text, level = read_line(line.decode(errors="replace"), self._part.name)
            self._log(text, level)
            if self._part.ready is not None and re.search(self._part.ready, text):
                self._on_ready()
