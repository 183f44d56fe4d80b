"""Lines of logs: formats, levels, times, and a bound on what is repeated."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine import log_format as engine_log_format
from scripts.child import ROOT
from viewstream.log_format import (
    FORMATS,
    MAX_REPEATS,
    VARIABLE,
    WINDOW,
    LineFormatter,
    RepeatLimit,
    read_line,
)

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


def logged(format_: str | None) -> str:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(format=format_)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stderr


@pytest.mark.parametrize("format_", ["json", None])
def test_json_is_an_object_a_line_also_with_a_traceback(format_: str | None) -> None:
    first, second = map(json.loads, logged(format_).splitlines())
    assert re.fullmatch(TIME, first.pop("time"))
    assert first == {"level": "warning", "name": "post_deltas", "message": "it failed"}
    assert (second["level"], second["message"]) == ("error", "two\nlines")
    assert second["exception"].endswith("ZeroDivisionError: division by zero")


def test_text_has_times_and_levels() -> None:
    lines = logged("text").splitlines()
    assert re.fullmatch(rf"{TIME} WARNING post_deltas: it failed", lines[0])
    assert re.fullmatch(rf"{TIME} ERROR server: two\\u000alines", lines[1])


def test_plain_is_for_a_parent_that_adds_the_time() -> None:
    assert logged("plain").startswith("post_deltas: it failed\nserver: two\\u000alines\n")


HOSTILE = "a\r\n2026 INFO server: forged \x1b[2J \x9b2J \x00 \u2028 \u202e \ud800 é 日 😀"


@pytest.mark.parametrize("format_", FORMATS)
def test_what_others_send_makes_no_line_and_no_control_code(format_: str) -> None:
    line = LineFormatter(format_).format(record(HOSTILE))
    assert "é 日 😀" in line
    assert line.replace(" ", "").isprintable()
    assert line.encode().splitlines() == [line.encode()]
    if format_ == "json":
        assert json.loads(line)["message"] == HOSTILE


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


def test_a_line_of_a_child_keeps_its_name_level_and_traceback() -> None:
    formatter = LineFormatter("json")
    assert read_line(formatter.format(record("it failed")), "part") == (
        "server: it failed",
        logging.WARNING,
    )
    first, *_, last = logged("json").splitlines()
    assert read_line(first, "part") == ("post_deltas: it failed", logging.WARNING)
    text, level = read_line(last, "part")
    assert text.startswith("server: two\nlines\nTraceback")
    assert level == logging.ERROR


def test_the_engine_has_the_same_formats_and_fields() -> None:
    assert (engine_log_format.FORMATS, engine_log_format.VARIABLE) == (FORMATS, VARIABLE)
    made = record("it failed\r\x1b[2J \u202e é")
    for format_ in ("text", "plain"):
        line = engine_log_format.LineFormatter(format_).format(made)
        assert line == LineFormatter(format_, "engine").format(made)
    line = engine_log_format.LineFormatter("json").format(made)
    assert json.loads(line) == json.loads(LineFormatter("json", "engine").format(made))
    assert read_line(line, "part") == (f"engine: {made.getMessage()}", logging.WARNING)


@pytest.mark.parametrize(
    "line",
    ["ready", "part: ready", "7", "[]", "{}", '{"level": "loud", "name": "", "message": ""}'],
)
def test_any_other_line_of_a_child_gets_the_name_of_the_child_once(line: str) -> None:
    shown = line.removeprefix("part: ")
    assert read_line(line, "part") == (f"part: {shown}", logging.INFO)


COMMANDS = pytest.mark.parametrize(
    "command",
    [
        ["engine", "--data", "/dev/null/x"],
        ["scripts.sources", "generate", "/nowhere/changes"],
        ["scripts.apply_sql", "/nowhere.sql"],
        [
            "scripts.serving.serve",
            "--sql",
            "{folder}",
            "--static",
            "{folder}",
            "--data",
            "/dev/null",
        ],
        ["scripts.serving.demo", "--source", "/nowhere"],
        ["scripts.pipeline", "top10", "--server", "http://127.0.0.1:9", "--give-up-after", "0.01"],
    ],
)


@pytest.mark.parametrize("is_option", [True, False])
@COMMANDS
def test_every_program_logs_in_the_format_that_is_asked_for(
    command: list[str], is_option: bool, tmp_path: Path
) -> None:
    words = [word.format(folder=tmp_path) for word in command]
    ended = run(words + ["--log-format", "json"] * is_option, "plain" if is_option else "json")
    assert ended.returncode == 1
    last = json.loads(ended.stderr.splitlines()[-1])
    assert (last["level"], last["name"]) == ("error", command[0].rpartition(".")[2].rstrip("s"))


@COMMANDS
def test_every_program_refuses_a_format_that_it_does_not_know(
    command: list[str], tmp_path: Path
) -> None:
    ended = run([word.format(folder=tmp_path) for word in command], "xml")
    assert ended.returncode == 2
    assert "expected one of text, json, plain, found 'xml'" in ended.stderr


def run(words: list[str], format_: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a format in the variable, to its end."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "VIEWSTREAM_LOG_FORMAT": format_},
        capture_output=True,
        text=True,
        timeout=60,
    )
