"""Starts engines as processes on free ports, and ends exactly those that it started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from engine.log_format import VARIABLE

ROOT = Path(__file__).parents[3]
"""The folder that holds `engine/`, from which `python -m engine` finds it."""
PATIENCE = 60.0
"""Seconds until a condition counts as failed; generous, for machines under load."""

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
    """`python -m engine` with options; stderr is collected. On exit of the context it is ended.

    Its log is plain unless `env` has another format. `files` limits how many files it may open.
    """

    def __init__(
        self, *options: str | Path, env: dict[str, str] | None = None, files: int | None = None
    ) -> None:
        self._stderr = bytearray()
        command = [sys.executable, "-m", "engine", *map(str, options)]
        if files is not None:
            command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
        self.popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, VARIABLE: "plain", "PYTHONWARNINGS": "error", **(env or {})},
            stdin=subprocess.DEVNULL,
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

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until stderr matches; fail when the process ends before it does."""

        def look() -> re.Match[str] | None:
            if match := re.search(pattern, self.stderr):
                return match
            if self.popen.poll() is None:
                return None
            self._collector.join()
            match = re.search(pattern, self.stderr)
            assert match, f"the engine ended before it printed {pattern!r}:\n{self.stderr}"
            return match

        return wait_until(look, f"{pattern!r} on the engine's stderr:\n{self.stderr}")

    def wait(self) -> int:
        """Wait for the end and return the status (negative: the signal that ended it)."""
        status = self.popen.wait(PATIENCE)
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
                self.popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        self._collector.join()
        assert self.popen.stderr is not None
        self.popen.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def start_engine(*options: str | Path, listen: str = "127.0.0.1:0") -> tuple[Process, str]:
    """Start an engine; return it and its DSN once it listens."""
    process = Process("--listen", listen, *options)
    try:
        host, port = process.wait_for(r"listening on ([\d.]+):(\d+)").groups()
    except BaseException:
        process.close()
        raise
    return process, f"host={host} port={port} user=materialize dbname=materialize"
