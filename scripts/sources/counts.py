"""Reports the progress of a source, in its log and on a terminal."""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

from scripts.sources.append import Appender
from scripts.sources.webhook import Webhook

log = logging.getLogger("source")


class Counts:
    """Reports an appender's counts: a line that is updated on a terminal, and one at the end.

    Each reason for which an event was left out is reported when it first occurs.
    """

    def __init__(self, appender: Appender | Webhook, out: TextIO = sys.stderr) -> None:
        self._appender = appender
        self._out = out
        self._terminal = out.isatty()
        self._reported: set[str] = set()
        self._next = 0.0

    def report(self, message: str) -> None:
        """Log a message, in place of the line that is updated."""
        if self._terminal:
            print("\r\x1b[K", end="", file=self._out, flush=True)
        log.info("%s", message)

    def update(self) -> None:
        """Report after a batch."""
        for reason in self._appender.refused.keys() - self._reported:
            self._reported.add(reason)
            self.report(f"left out an event: {reason}")
        if self._terminal and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.5
            print(f"\r\x1b[Ksource: {self}", end="", file=self._out, flush=True)

    def close(self) -> None:
        self.report(str(self))

    def __str__(self) -> str:
        appender = self._appender
        text = appender.summary
        if appender.refused:
            reasons = ", ".join(f"{count:,} {why}" for why, count in appender.refused.most_common())
            text += f"; left out {appender.refused.total():,} ({reasons})"
        return text
