"""Keeps processes running side by side: restarts each that ends, with backoff, and shows output.

A part that ends before it was ever ready has a wrong configuration, so it fails the supervisor;
later its end is taken for an accident, and heals.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from scripts.child import PATIENCE, ROOT, Child
from scripts.outage_log import OutageLog
from viewstream.backoff import Backoff
from viewstream.exit_status import ExitStatus

FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0
"""Bounds, in seconds, of the delay before a restart."""
SETTLED = 30.0
"""Seconds after which the delays begin short again."""


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
    """Runs parts until its `async with` block ends. `show` gets each line of their output."""

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        cwd: Path = ROOT,
        show: Callable[[str], None] = lambda line: print(line, flush=True),
    ) -> None:
        self._env = env
        self._cwd = cwd
        self._show = show
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
        await asyncio.gather(*self._tasks)

    async def _keep_running(self, part: Part, ready: asyncio.Event) -> None:
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY)
        outage = OutageLog(self._show)
        show = self._show
        while True:
            began = time.monotonic()
            status = await self._run(part, ready, show)
            if not ready.is_set() or status == ExitStatus.USAGE:
                raise PartError(f"{part.name} ended with status {status}")
            if time.monotonic() - began > SETTLED:
                backoff.reset()
                outage.clear()
            delay = backoff.next_delay()
            outage.add(
                f"{part.name} ended with status {status}", f"; starting again in {delay:.1f} s"
            )
            show = partial(self._show_once, outage, began=time.monotonic() + delay)
            await asyncio.sleep(delay)

    def _show_once(self, outage: OutageLog, line: str, *, began: float) -> None:
        """Show a line of a part that was started again: once an outage, until it has settled."""
        if time.monotonic() - began > SETTLED:
            self._show(line)
        else:
            key, found, detail = line.partition(" (pid=")
            outage.add(key, found + detail)

    async def _run(self, part: Part, ready: asyncio.Event, show: Callable[[str], None]) -> int:
        """Run a part once, to its end; return its exit status."""
        loop = asyncio.get_running_loop()
        output = _Output(part, show, lambda: loop.call_soon_threadsafe(ready.set))
        child = Child(
            part.command,
            cwd=self._cwd,
            env=self._env,
            on_output=output.feed,
            new_session=True,
        )
        show(f"{part.name} started (pid={child.pid})")
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
    """Cuts the output of one run into lines, shows them, and looks for the ready line."""

    _width = 10
    _printing = threading.Lock()

    def __init__(
        self, part: Part, show: Callable[[str], None], on_ready: Callable[[], object]
    ) -> None:
        self._part = part
        self._show = show
        self._on_ready = on_ready
        self._rest = b""

    def feed(self, output: bytes) -> None:
        *lines, self._rest = (self._rest + output).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").removeprefix(f"{self._part.name}: ")
            with self._printing:
                self._show(f"{self._part.name:<{self._width}}| {text}")
            if self._part.ready is not None and re.search(self._part.ready, text):
                self._on_ready()
