"""Lines of logs: formats, levels, times, and a bound on what is repeated."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys

import pytest

from scripts.child import ROOT
from viewstream.log_format import MAX_REPEATS, WINDOW, LineFormatter, RepeatLimit

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
SCRIPT = """
import logging
from viewstream.log_format import configure, log_line
configure("", {format!r})
log_line("post_deltas: it failed", logging.WARNING)
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("server").exception("two\\nlines")
"""


def record(text: str, created: float = 0.0) -> logging.LogRecord:
    made = logging.LogRecord("server", logging.WARNING, "", 0, text, None, None)
    made.created = created
    return made


def logged(format_: str | None, env: dict[str, str] | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if "LOG_FORMAT" not in key}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(format=format_)],
        cwd=ROOT,
        env={**environment, **(env or {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stderr


@pytest.mark.parametrize(("format_", "env"), [("json", {}), (None, {})])
def test_json_is_an_object_a_line_also_with_a_traceback(
    format_: str | None, env: dict[str, str]
) -> None:
    first, second = map(json.loads, logged(format_, env).splitlines())
    assert re.fullmatch(TIME, first.pop("time"))
    assert first == {"level": "warning", "name": "post_deltas", "message": "it failed"}
    assert (second["level"], second["message"]) == ("error", "two\nlines")
    assert second["exception"].endswith("ZeroDivisionError: division by zero")


def test_text_has_times_and_levels() -> None:
    lines = logged(None, {"VIEWSTREAM_LOG_FORMAT": "text"}).splitlines()
    assert re.fullmatch(rf"{TIME} WARNING post_deltas: it failed", lines[0])
    assert re.fullmatch(rf"{TIME} ERROR server: two", lines[1])


def test_plain_is_for_a_parent_that_adds_the_time() -> None:
    assert logged("plain").startswith("post_deltas: it failed\nserver: two\n")


def test_a_terminal_gets_text() -> None:
    controller, terminal = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if "LOG_FORMAT" not in key}
    with os.fdopen(controller, "rb", buffering=0) as reader:
        script = SCRIPT.format(format=None)
        command = [sys.executable, "-c", script]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=terminal) as process:
            line = reader.readline()
            os.close(terminal)
            process.wait(60)
    assert re.fullmatch(rf"{TIME} WARNING post_deltas: it failed\r\n", line.decode())


def test_a_process_among_several_has_its_own_name() -> None:
    assert LineFormatter("plain", "server 2").format(record("text")) == "server 2: text"


def test_what_is_repeated_is_bounded_and_counted() -> None:
    limit = RepeatLimit()
    kept = [number for number in range(1000) if limit.filter(record(f"again in {number}.5 s"))]
    assert len(kept) == MAX_REPEATS
    assert limit.filter(record("another line"))
    later = record("again in 1 s", WINDOW)
    assert limit.filter(later)
    left_out = 1000 - MAX_REPEATS
    assert later.getMessage() == f"again in 1 s ({left_out} more of these lines were left out)"


def test_names_with_numbers_are_different_lines() -> None:
    limit = RepeatLimit()
    assert all(limit.filter(record(f"view v{n} is served from now on")) for n in range(200))
