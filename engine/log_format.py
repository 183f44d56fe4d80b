"""Formats the lines of the engine's log: for a terminal, for a collector, or for a parent process.

text    2026-11-25T19:27:04.123Z INFO engine: listening on 127.0.0.1:6875
json    {"time": "2026-11-25T19:27:04.123Z", "level": "info", "name": "engine", "message": ".."}
plain   engine: listening on 127.0.0.1:6875
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime

FORMATS = ("text", "json", "plain")
VARIABLE = "VIEWSTREAM_LOG_FORMAT"
NAME = "engine"
WINDOW = 600.0
"""Seconds."""
MAX_REPEATS = 20
"""Lines in one window that differ in nothing but numbers."""
_MAX_LINES = 1_000
"""Different lines that are remembered."""
_NUMBER = re.compile(r"\b(?:0x[0-9a-f]+|\d[\d.]*)\b")


def add_option(parser: ArgumentParser) -> None:
    """Add `--log-format` to the command line; `configure` takes it."""
    parser.add_argument(
        "--log-format",
        type=_format,
        default=os.environ.get(VARIABLE) or None,
        metavar="FORMAT",
        help=f"of the log: text, json or plain ({VARIABLE}; default text on a terminal and json "
        "elsewhere)",
    )


def _format(text: str) -> str:
    if text not in FORMATS:
        raise ArgumentTypeError(f"expected one of {', '.join(FORMATS)}, found {text!r}")
    return text


def configure(format_: str | None) -> None:
    """Let all loggers write to stderr; None is text on a terminal and json elsewhere."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(format_ or ("text" if sys.stderr.isatty() else "json")))
    handler.addFilter(RepeatLimit())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(NAME).setLevel(logging.INFO)


class LineFormatter(logging.Formatter):
    """Formats a record in one of `FORMATS`, as one line unless it has a traceback as text.

    A message may repeat a statement or a file's name: it cannot make a line or turn a terminal.
    """

    def __init__(self, format_: str) -> None:
        super().__init__()
        self._format = format_

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if self._format == "json":
            fields = {
                "time": _time(record),
                "level": record.levelname.lower(),
                "name": NAME,
                "message": message,
            }
            return json.dumps(fields | ({"exception": trace} if trace else {}))
        line = f"{NAME}: {_printable(message)}" + (f"\n{trace}" if trace else "")
        return line if self._format == "plain" else f"{_time(record)} {record.levelname} {line}"


class RepeatLimit(logging.Filter):
    """Drops lines that are repeated too often: a file that cannot be read is tried at each tick."""

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[str, tuple[float, int]] = {}
        """When the window of a line began, and how many of them came since then."""

    def filter(self, record: logging.LogRecord) -> bool:
        line = _NUMBER.sub("#", record.getMessage())
        began, lines = self._windows.get(line, (record.created, 0))
        if record.created >= began + WINDOW:
            if lines > MAX_REPEATS:
                record.msg = f"{record.getMessage()} ({lines - MAX_REPEATS} more were left out)"
                record.args = None
            began, lines = record.created, 0
        if len(self._windows) >= _MAX_LINES:
            self._windows.clear()
        self._windows[line] = began, lines + 1
        return lines < MAX_REPEATS


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
