"""Formats the lines of logs: for a terminal, for a collector, or for a parent that shows them.

text    2026-11-25T19:27:04.123Z INFO server: listening on http://127.0.0.1:8888
json    {"time":"2026-11-25T19:27:04.123Z","level":"info","name":"server","message":"..."}
plain   server: listening on http://127.0.0.1:8888
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
WINDOW = 600.0
"""Seconds."""
MAX_REPEATS = 20
"""Lines in one window that differ in nothing but numbers."""
MAX_KEYS = 1_000
"""Different lines that are remembered."""
_NUMBER = re.compile(r"(?<!\w)\d[\d.]*(?!\w)")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control codes, which terminals obey, ends of lines, and marks that turn text around."""
_LINE = re.compile(r"([\w-]+(?: \d+)?): (.*)", re.DOTALL)


def add_option(parser: ArgumentParser) -> None:
    """Add `--log-format` to the command line of a script; `configure` takes it."""
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


def configure(name: str = "", format_: str | None = None) -> None:
    """Let all loggers write to stderr, as `name` if one is given.

    Without a format it is text on a terminal and json elsewhere.
    """
    chosen = format_ or ("text" if sys.stderr.isatty() else "json")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(chosen, name))
    handler.addFilter(RepeatLimit())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def log_line(line: str, level: int = logging.INFO) -> None:
    """Log a line such as `post_deltas: it failed`, which begins with the name of its logger."""
    match = _LINE.fullmatch(line)
    name, message = match.groups() if match else ("", line)
    logging.getLogger(name).log(level, "%s", message)


def read_line(line: str, name: str) -> tuple[str, int]:
    """Return the line of a child as `NAME: MESSAGE` with its level; `name` is the default.

    A line that is no JSON of a log is INFO, and may begin with the name.
    """
    try:
        fields = json.loads(line)
        level = logging.getLevelNamesMapping()[fields["level"].upper()]
        text = f"{fields['name']}: {fields['message']}"
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"{name}: {line.removeprefix(f'{name}: ')}", logging.INFO
    trace = fields.get("exception")
    return (f"{text}\n{trace}" if trace else text), level


class LineFormatter(logging.Formatter):
    """Formats a record in one of `FORMATS`, as one line unless it has a traceback as text.

    A message may repeat what others have sent, so that it cannot make a line or turn a terminal.
    """

    def __init__(self, format_: str, name: str = "") -> None:
        super().__init__()
        self._format = format_
        self._name = name

    def format(self, record: logging.LogRecord) -> str:
        name, message = self._name or record.name, record.getMessage()
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if self._format == "json":
            fields = {
                "time": _time(record),
                "level": record.levelname.lower(),
                "name": name,
                "message": message,
            }
            if trace:
                fields["exception"] = trace
            return _UNPRINTABLE.sub(_escape, json.dumps(fields, ensure_ascii=False))
        line = _UNPRINTABLE.sub(_escape, f"{name}: {message}") + (f"\n{trace}" if trace else "")
        return line if self._format == "plain" else f"{_time(record)} {record.levelname} {line}"


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


class RepeatLimit(logging.Filter):
    """Drops lines that are repeated too often; the next one reports how many there were."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = _NUMBER.sub("#", record.getMessage())
        began, count = self._counts.get(key, (record.created, 0))
        if record.created - began >= WINDOW:
            if count > MAX_REPEATS:
                left_out = f"{count - MAX_REPEATS} more of these lines were left out"
                record.msg, record.args = f"{record.getMessage()} ({left_out})", None
            began, count = record.created, 0
        if len(self._counts) >= MAX_KEYS:
            self._counts.clear()
        self._counts[key] = (began, count + 1)
        return count < MAX_REPEATS


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
