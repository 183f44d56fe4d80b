"""`tail_view.py` as a process of a test, against a scripted engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.processes import PATIENCE, Process
from tests.support.scripted_tail import EPOCH, Engine
from tests.support.scripted_wire import ScriptedWire
from viewstream.protocol import MAX_TIME

HEADER = f"# epoch {EPOCH}\n".encode()
END = b"%d\tt\t\\N\n" % MAX_TIME


def arguments(dsn: str, *options: str) -> list[str]:
    return [sys.executable, "tail_view.py", *(options or ("top10",)), "--dsn", dsn]


def copies(wire: ScriptedWire) -> list[str]:
    return [statement for statement in wire.statements if statement.startswith("COPY")]


def run(engine: Engine, *options: str) -> tuple[bytes, str, int, list[str]]:
    """Run to the end: what it printed, said, its status, and the COPYs that it asked for."""
    with ScriptedWire(engine) as wire:
        done = subprocess.run(arguments(wire.dsn, *options), capture_output=True, timeout=PATIENCE)
        return done.stdout, done.stderr.decode(), done.returncode, copies(wire)


@contextmanager
def running(engine: Engine, *options: str) -> Iterator[tuple[Process, ScriptedWire]]:
    with ScriptedWire(engine) as wire, Process(arguments(wire.dsn, *options)) as process:
        yield process, wire


def read_until(process: Process, end: bytes) -> bytes:
    """Read its output up to `end`."""
    assert process.popen.stdout is not None
    printed = b""
    while not printed.endswith(end):
        chunk = os.read(process.popen.stdout.fileno(), 65536)
        assert chunk, f"it ended after {printed!r}: {process.stderr}"
        printed += chunk
    return printed
