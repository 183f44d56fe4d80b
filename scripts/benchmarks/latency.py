"""Latency from a line appended to a file to the row at a websocket client."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Report
from scripts.child import INHERITED, Child
from viewstream.protocol import Base, Delta, Message, Row, decode

BRIEF = ("--seconds", "10")
SMALL = ("--seconds", "1", "--rate", "20")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=100, help="lines a second")
    parser.add_argument("--seconds", type=float, default=20)


def run(options: argparse.Namespace) -> Report:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / "lines"
        path.touch()
        sql = (
            # The path is our own temporary folder's.
            f"CREATE SOURCE lines FROM FILE '{path}' WITH (tail = true) FORMAT TEXT;"  # noqa: S608
            "CREATE MATERIALIZED VIEW latency AS SELECT text, mz_line_no FROM lines"
        )
        stage = stack.enter_context(Stage(sql, "latency"))
        stack.enter_context(_pipe(stage))
        address = f"ws://127.0.0.1:{stage.server.port}/view/stream?view=latency"
        socket = stack.enter_context(connect(address))
        count = int(options.rate * options.seconds)
        sent: dict[str, float] = {}
        appender = threading.Thread(target=_append, args=(path, options.rate, count, sent))
        arrived: dict[str, float] = {}
        _warm_up(socket, path)
        appender.start()
        while len(arrived) < count:
            message = decode(socket.recv(30))
            moment = time.monotonic()
            for row in _rows(message):
                if row[0] in sent:
                    arrived[row[0]] = moment
        appender.join()
    times = sorted((arrived[line] - sent[line]) * 1000 for line in sent)
    return _report(times, options)


@contextlib.contextmanager
def _pipe(stage: Stage) -> Iterator[None]:
    """Run `tail_view.py latency | post_deltas.py latency`, as a shell does."""
    tail_command = [sys.executable, "tail_view.py", stage.view, "--dsn", stage.dsn]
    url = f"http://127.0.0.1:{stage.server.port}"
    post_command = [sys.executable, "post_deltas.py", stage.view, "--server", url]
    with Child(tail_command, stdout=subprocess.PIPE, stderr=INHERITED) as tail:
        assert tail.popen.stdout is not None
        with Child(post_command, stdin=tail.popen.stdout.fileno(), stderr=INHERITED):
            tail.popen.stdout.close()
            yield


def _append(path: Path, rate: float, count: int, sent: dict[str, float]) -> None:
    """Append `count` lines, and record the time of each in `sent`."""
    begin = time.monotonic()
    with path.open("a", buffering=1) as file:
        for n in range(count):
            time.sleep(max(0.0, begin + n / rate - time.monotonic()))
            line = f"line {n}"
            sent[line] = time.monotonic()
            file.write(line + "\n")


def _rows(message: Message) -> list[Row]:
    match message:
        case Base():
            return list(message.rows)
        case Delta():
            return [row for _, _, row in message.updates]
    return []


def _warm_up(socket: ClientConnection, path: Path) -> None:
    """Append lines until a delta has one: a base may have one as well."""
    while True:
        with path.open("a") as file:
            file.write("to warm up\n")
        with contextlib.suppress(TimeoutError):
            while True:
                message = decode(socket.recv(0.2))
                if isinstance(message, Delta) and message.updates:
                    return


def _report(times: list[float], options: argparse.Namespace) -> Report:
    median, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    return Report(
        "latency",
        [
            Measure("median", median, "ms"),
            Measure("p99", p99, "ms"),
            Measure("largest", times[-1], "ms"),
        ],
        [Bar("median", median, "<=", 10, "ms"), Bar("p99", p99, "<=", 40, "ms")],
        [f"{len(times)} lines at {options.rate:g} a second; this project's engine reads them."],
    )
