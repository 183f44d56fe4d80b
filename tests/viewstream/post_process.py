"""`post_deltas.py` as a process of a test."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.support.processes import PATIENCE, Process
from tests.support.scripted_http import Answer, Script, ScriptedHttp
from tests.support.tail_text import progress
from viewstream.protocol import Delta

EPOCH = "1577927045678-u7"

HEADER = f"# epoch {EPOCH}\n".encode()

OPENING = HEADER + progress(10)


def arguments(url: str, *options: str) -> list[str]:
    return [sys.executable, "post_deltas.py", "top10", "--server", url, *options]


def run(
    text: bytes,
    script: Script = lambda _: Answer(),
    *options: str,
    env: dict[str, str] | None = None,
) -> tuple[list[Delta], str, int]:
    """Post a text whole: the deltas that came, what was said, and the status."""
    with ScriptedHttp(script) as server:
        done = subprocess.run(
            arguments(server.url, *options),
            input=text,
            capture_output=True,
            timeout=PATIENCE,
            env={**os.environ, **(env or {})},
        )
        assert done.stdout == b""
        return server.deltas, done.stderr.decode(), done.returncode


@contextmanager
def running(url: str, *options: str) -> Iterator[Process]:
    with Process(arguments(url, *options), stdin=subprocess.PIPE) as process:
        yield process


def write(process: Process, text: bytes) -> None:
    assert process.popen.stdin is not None
    process.popen.stdin.write(text)
    process.popen.stdin.flush()


def sequence(answers: Iterable[Answer]) -> Script:
    """The opening delta is taken; then one answer after the other, and the rest is taken."""
    following = itertools.chain([Answer()], answers, itertools.repeat(Answer()))
    return lambda _: next(following)


def delta(lower: int, upper: int, *updates: tuple[int, int, tuple[str | None, ...]]) -> Delta:
    return Delta("top10", EPOCH, lower, upper, list(updates))
