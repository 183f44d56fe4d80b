"""Starts the project's processes for tests, on free ports, and ends exactly those it started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
"""Seconds after which a condition that should come true has failed; generous, for slow machines."""

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """Return the first true value of `condition()`; fail with `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience} s in vain: {what}")
        time.sleep(0.01)


class Process:
    """A child process whose stderr (and stdout, unless piped) is collected as text.

    Use as a context manager: on exit the child is ended, by its id, and its pipes are closed.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        env: dict[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.arguments = [str(argument) for argument in arguments]
        self._stderr = bytearray()
        self.popen = subprocess.Popen(
            self.arguments,
            cwd=cwd,
            env={**os.environ, "PYTHONWARNINGS": "error", **(env or {})},
            stdin=stdin,
            stdout=stdout if stdout is not None else subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._collector = threading.Thread(target=self._collect, daemon=True)
        self._collector.start()

    def _collect(self) -> None:
        assert self.popen.stderr is not None
        while chunk := self.popen.stderr.read1():  # type: ignore[attr-defined]
            self._stderr += chunk

    @property
    def stderr(self) -> str:
        return self._stderr.decode(errors="replace")

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait until stderr matches `pattern`; fail if the process ends before it does."""

        def look() -> re.Match[str] | None:
            match = re.search(pattern, self.stderr)
            if match is None and self.popen.poll() is not None:
                self._collector.join()
                match = re.search(pattern, self.stderr)
                if match is None:
                    raise AssertionError(
                        f"{self.arguments} ended with {self.popen.returncode} before it printed "
                        f"{pattern!r}; stderr:\n{self.stderr}"
                    )
            return match

        return wait_until(
            look, f"{pattern!r} on stderr of {self.arguments}:\n{self.stderr}", patience
        )

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the end and return the status (negative: the signal that ended it)."""
        status = self.popen.wait(patience)
        self._collector.join()
        return status

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait(PATIENCE)

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
            try:
                self.popen.wait(10)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(PATIENCE)
        self._collector.join()
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def start_engine(*options: str | Path, listen: str = "127.0.0.1:0") -> tuple[Process, str]:
    """Start `python -m engine`; return it and its DSN."""
    process = Process([sys.executable, "-m", "engine", "--listen", listen, *options])
    host, port = _started(process, r"listening on ([\d.]+):(\d+)").groups()
    return process, f"host={host} port={port} user=materialize dbname=materialize"


def start_server(
    dsn: str, *views: str, options: Sequence[str] = (), listen: str = "127.0.0.1:0"
) -> tuple[Process, str]:
    """Start `python -m server` for the views; return it and its URL."""
    process = Process(
        [sys.executable, "-m", "server", "--dsn", dsn, "--listen", listen, *options, *views]
    )
    return process, _started(process, r"listening on (https?://\S+)")[1]


def _started(process: Process, pattern: str) -> re.Match[str]:
    """Wait for what says that it is ready; one that never says so is not left running."""
    try:
        return process.wait_for(pattern)
    except BaseException:
        process.close()
        raise
