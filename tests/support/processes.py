"""Starts the project's processes for tests, on free ports, and ends exactly those it started."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from scripts.child import ROOT, Child

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds that a test waits for what must happen: for a slow machine with other work to do."""


def wait_until(condition: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """Return the first true value of `condition()`; fail with `what` after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:g} s in vain: {what}")
        time.sleep(0.01)


class Process(Child):
    """A child process of a test; its stderr is captured, and warnings in it are errors."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: dict[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        cwd: Path = ROOT,
    ) -> None:
        super().__init__(
            command,
            env={"PYTHONWARNINGS": "error", **(env or {})},
            stdin=stdin,
            stdout=stdout,
            cwd=cwd,
        )

    @property
    def stderr(self) -> str:
        return self.output

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        return super().wait_for(pattern, patience)

    def wait(self, patience: float = PATIENCE) -> int:
        return super().wait(patience)


def start_engine(*options: str | Path, listen: str = "127.0.0.1:0") -> tuple[Process, str]:
    """Start `python -m engine`; return it and its DSN."""
    process = Process([sys.executable, "-m", "engine", "--listen", listen, *options])
    host, port = _started(process, r"listening on ([\d.]+):(\d+)").groups()
    return process, f"host={host} port={port} user=materialize dbname=materialize"


def start_server(
    dsn: str,
    *views: str,
    options: Sequence[str] = (),
    listen: str = "127.0.0.1:0",
    bounds: Mapping[str, object] | None = None,
) -> tuple[Process, str]:
    """Start `python -m server` for the views; return it and its URL.

    `bounds` are bounds that are no options: see `bounded_server`.
    """
    module = ["server"] if bounds is None else ["tests.support.bounded_server", json.dumps(bounds)]
    process = Process(
        [sys.executable, "-m", *module, "--dsn", dsn, "--listen", listen, *options, *views]
    )
    return process, _started(process, r"listening on (https?://\S+)")[1]


def _started(process: Process, pattern: str) -> re.Match[str]:
    """Wait for the line that says that it is ready; end the process if the line does not come."""
    try:
        return process.wait_for(pattern)
    except BaseException:
        process.close()
        raise
