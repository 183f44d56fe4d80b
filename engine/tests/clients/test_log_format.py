"""The engine's log in each of its formats, of a process and of one record."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys

import pytest

from engine.log_format import (
    FORMATS,
    MAX_REPEATS,
    VARIABLE,
    WINDOW,
    LineFormatter,
    RepeatLimit,
)
from engine.tests.support.processes import PATIENCE, ROOT, Process

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
LISTENING = r"listening on 127\.0\.0\.1:\d+"


def first_line(*options: str, env: dict[str, str]) -> str:
    """Return the first line of an engine that listens."""
    with Process("--listen", "127.0.0.1:0", *options, env=env) as process:
        process.wait_for("listening on .*\n")
        return process.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("options", "value"),
    [(["--log-format", "json"], "text"), ([], "json"), ([], "")],
    ids=["by the option", "by the variable", "by default without a terminal"],
)
def test_json_is_an_object_a_line(options: list[str], value: str) -> None:
    fields = json.loads(first_line(*options, env={VARIABLE: value}))
    assert re.fullmatch(TIME, fields.pop("time"))
    assert re.fullmatch(LISTENING, fields.pop("message"))
    assert fields == {"level": "info", "name": "engine"}


@pytest.mark.parametrize(
    ("options", "value"),
    [(["--log-format", "text"], "json"), ([], "text")],
    ids=["by the option", "by the variable"],
)
def test_text_has_times_and_levels(options: list[str], value: str) -> None:
    line = first_line(*options, env={VARIABLE: value})
    assert re.fullmatch(rf"{TIME} INFO engine: {LISTENING}", line)


def test_plain_is_for_a_parent_that_adds_the_time() -> None:
    assert re.fullmatch(f"engine: {LISTENING}", first_line(env={VARIABLE: "plain"}))


def test_a_terminal_gets_text() -> None:
    controller, terminal = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    with os.fdopen(controller, "rb", buffering=0) as reader:
        command = [sys.executable, "-m", "engine", "--data", "/dev/null/x"]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=terminal) as process:
            line = reader.readline().decode()
            os.close(terminal)
            assert process.wait(PATIENCE) == 1
    assert re.fullmatch(rf"{TIME} ERROR engine: the data folder /dev/null/x .*\r\n", line)


@pytest.mark.parametrize("format_", FORMATS)
def test_an_error_of_an_option_is_a_line_without_a_traceback(format_: str) -> None:
    with Process("--data", "/dev/null/x", "--log-format", format_) as process:
        assert process.wait() == 1
        [line] = process.stderr.splitlines()
    text = "the data folder /dev/null/x cannot be used: Not a directory"
    if format_ == "json":
        fields = json.loads(line)
        assert set(fields) == {"time", "level", "name", "message"}
        assert (fields["level"], fields["message"]) == ("error", text)
    else:
        assert line.endswith(f"engine: {text}")


def test_a_wrong_format_in_the_variable_is_refused() -> None:
    with Process(env={VARIABLE: "xml"}) as process:
        assert process.wait() == 2
        last = process.stderr.splitlines()[-1]
    assert "--log-format: expected one of text, json, plain, found 'xml'" in last
    assert "Traceback" not in process.stderr


def warning(text: str, created: float = 0.0) -> logging.LogRecord:
    made = logging.LogRecord("engine", logging.WARNING, "", 0, text, None, None)
    made.created = created
    return made


HOSTILE = "a\r\n2026 INFO engine: forged \x1b[2J \x9b2J \x00 \u2028 \u202e \ud800 é 日 😀"


@pytest.mark.parametrize("format_", FORMATS)
def test_what_others_send_makes_no_line_and_no_control_code(format_: str) -> None:
    line = LineFormatter(format_).format(warning(HOSTILE))
    assert line.isprintable()
    assert len(line.encode().splitlines()) == 1
    if format_ == "json":
        assert json.loads(line)["message"] == HOSTILE
    else:
        assert "é 日 😀" in line


@pytest.mark.parametrize("format_", FORMATS)
def test_a_traceback_is_in_the_log(format_: str) -> None:
    try:
        raise ZeroDivisionError("in a tick")
    except ZeroDivisionError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "a tick failed", None, sys.exc_info())
    line = LineFormatter(format_).format(record)
    if format_ == "json":
        fields = json.loads(line)
        assert fields["message"] == "a tick failed"
        line = fields["exception"]
    else:
        assert "engine: a tick failed\nTraceback" in line
    assert line.endswith("ZeroDivisionError: in a tick")


def test_lines_that_repeat_are_bounded_and_counted() -> None:
    limit = RepeatLimit()
    lines = [warning(f"no file 0x{number:x} {number}") for number in range(1000)]
    sent = [line for line in lines if limit.filter(line)]
    assert sent == lines[:MAX_REPEATS]
    assert limit.filter(warning("another line"))
    assert not limit.filter(warning("no file 0x1 2", WINDOW - 1))
    later = warning("no file 0x1 2", WINDOW)
    assert limit.filter(later)
    assert later.getMessage() == f"no file 0x1 2 ({1001 - MAX_REPEATS} more were left out)"


def test_names_with_numbers_are_different_lines() -> None:
    limit = RepeatLimit()
    assert all(limit.filter(warning(f"could not restore u{number}")) for number in range(200))


def test_a_file_that_fails_at_each_tick_does_not_fill_the_log() -> None:
    script = (
        "import logging; from engine.log_format import configure; configure('plain');"
        "[logging.getLogger('engine.coordinator').warning('no file %d', n) for n in range(99)]"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stderr.splitlines() == [f"engine: no file {n}" for n in range(MAX_REPEATS)]
