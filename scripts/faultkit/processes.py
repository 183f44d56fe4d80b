"""The processes of the pipeline, each of which can be killed, stopped, continued and restarted."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.pipeline import die_with_the_parent

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""Seconds within which a process must be ready, or must have ended when it was asked to."""


class ProcessError(Exception):
    """A process did not do what it was to do; the text has what it wrote last."""


class Service:
    """One long-running process: what it writes is kept in `log`.

    `ready` is what it writes to stderr once it can be used. It is started again by the same
    command, so at the same address.
    """

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, ready: str) -> None:
        self.name = name
        self._command = [sys.executable, "-m", *map(str, command)]
        self._log = log
        self._ready = ready
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was not started"
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    async def start(self, file_size: int | None = None) -> None:
        """Start it and wait until it is ready; `file_size` bounds what it may write to a file."""
        offset = self._spawn(file_size)
        async with asyncio.timeout(PATIENCE):
            while self._ready not in self.written(offset):
                if not self.is_running:
                    raise ProcessError(f"{self.name} ended: {self.written(offset)}")
                await asyncio.sleep(0.02)

    def _spawn(self, file_size: int | None) -> int:
        """Start the process; return where in its log it begins to write."""

        die = die_with_the_parent(signal.SIGKILL)

        def prepare() -> None:
            if die is not None:
                die()
            if file_size is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead

        with self._log.open("ab") as log:
            offset = log.tell()  # before the child writes: it moves the same offset
            self._child = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=prepare,
            )
            return offset

    def written(self, offset: int = 0) -> str:
        """What it wrote from a place in its log on."""
        with self._log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.ended()

    async def terminate(self) -> None:
        """Ask it to end, and wait until it did; raises subprocess.TimeoutExpired."""
        if self.is_running:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            await self.ended()

    async def ended(self) -> None:
        assert self._child is not None
        await asyncio.to_thread(self._child.wait, PATIENCE)


def children_of(pid: int) -> list[int]:
    """The ids of a process's children; none if it is gone."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        texts = [(thread / "children").read_text() for thread in threads]
    except (FileNotFoundError, ProcessLookupError):
        return []  # it ended while it was looked at
    return [int(child) for text in texts for child in text.split()]


def script_of(pid: int) -> str:
    """The name of the script that a process runs; empty if it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    if "--frontier" in words:
        return ""  # it only asks, and ends at once
    return next((Path(word).stem for word in words if word.endswith(".py")), "")


def resident(pid: int) -> int:
    """The bytes of memory that a process has; 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * resource.getpagesize()
