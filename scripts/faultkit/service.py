"""A long-running process of the pipeline, which can be killed, stopped, continued and restarted."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

from scripts.child import PATIENCE, Child, python_module

START_PATIENCE = 120.0
"""Seconds that a process has to become ready: on a loaded machine, Python alone can take 30."""


class Service:
    """Runs one command, always the same, so at the same address; `log` gets all its output.

    `ready` is a pattern that it prints once it can be used.
    """

    def __init__(self, name: str, command: Sequence[str | Path], log: Path, ready: str) -> None:
        self.name = name
        self._command = python_module(str(command[0]), *command[1:])
        self._log = log
        self._ready = ready
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The process that was started last."""
        assert self._child is not None, f"{self.name} was not started"
        return self._child

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running

    async def start(self, file_size: int | None = None) -> None:
        """Start it and wait until it is ready; raises ChildError.

        `file_size` is the largest size to which it may write a file.
        """
        self._child = Child(
            self._command,
            on_output=self._write,
            file_size=file_size,
            death_signal=signal.SIGKILL,  # SIGTERM would not end one that is stopped
        )
        await asyncio.to_thread(self._child.wait_for, self._ready, START_PATIENCE)

    def _write(self, output: bytes) -> None:
        with self._log.open("ab") as log:
            log.write(output)

    def send(self, number: signal.Signals) -> None:
        self.child.send(number)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.ended()

    async def terminate(self) -> None:
        """Ask it to end, and wait until it has ended; raises TimeoutError."""
        if self.is_running:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            await self.ended()

    async def ended(self) -> None:
        """Wait for its end; raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            await self.child.ended()
        await self.child.aclose()
