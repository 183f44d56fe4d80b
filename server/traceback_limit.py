"""Bounds the tracebacks in the log: requests of outsiders may cause any number of equal ones."""

from __future__ import annotations

import logging

WINDOW = 60.0
"""Seconds."""
MAX_TRACEBACKS = 10
"""In one window; the first of the next one reports how many were left out."""


class TracebackLimit(logging.Filter):
    """Drops records with a traceback while there are many."""

    def __init__(self) -> None:
        super().__init__()
        self._began = 0.0
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.exc_info or record.exc_info[0] is None:
            return True
        if record.created - self._began >= WINDOW:
            left_out = self._count - MAX_TRACEBACKS
            if left_out > 0:
                record.msg = f"{record.getMessage()} ({left_out} tracebacks before were left out)"
                record.args = None
            self._began, self._count = record.created, 0
        self._count += 1
        return self._count <= MAX_TRACEBACKS
