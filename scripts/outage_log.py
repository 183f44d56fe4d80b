"""Logs an outage in a few lines, however often what fails is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable


class OutageLog:
    """Writes each line once until `recover` is called; may be used from several threads."""

    def __init__(
        self, write: Callable[[str], None], on_recovery: Callable[[str], None] | None = None
    ) -> None:
        self._write = write
        self._write_recovery = on_recovery or write
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def add(self, line: str, detail: str = "") -> None:
        """Write `line` and its detail, unless this outage has had the line already."""
        with self._lock:
            if line not in self._written:
                self._written.add(line)
                self._write(line + detail)

    def add_output(self, output: bytes) -> None:
        """Add the lines that a process has printed."""
        for line in output.decode(errors="replace").splitlines():
            self.add(line)

    def clear(self) -> None:
        """Begin the next outage, in which each line is written again."""
        with self._lock:
            self._written.clear()

    def recover(self, line: str) -> None:
        """Write `line` if there was an outage, and begin the next one with no line written."""
        with self._lock:
            if self._written:
                self._written.clear()
                self._write_recovery(line)
