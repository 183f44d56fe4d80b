"""Rows a second from a file through post_deltas.py into a server.

A process of `post_deltas.py` posts two million rows of a view like `useredits`, a thousand at each
time, to a server process with one client, until the server has the last row. Its peers in the same
run: decoding and splitting the same lines in Python, keeping the results, and one POST for each
row. `_bulk.py` measures the whole pipeline, from the engine's file on.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from operator import truediv
from pathlib import Path

import requests

from scripts.benchmarks._bulk import measure_bulk
from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._measured import Measured, start_engine, start_server
from scripts.benchmarks._poster import get_json
from scripts.benchmarks.report import Bar, Measure, Report
from scripts.child import Child
from scripts.procfs import precise_cpu_of
from scripts.text_query import text_query
from viewstream.protocol import Delta, encode
from viewstream.relation import find_relation, relation_query

VIEW = "pipe"
PER_TIME = 1_000
SINGLE = 2_000
"""Rows that are posted one by one: enough to measure their rate."""
PATIENCE = 60.0


BRIEF = ("--rows", "500000", "--rounds", "2")
SMALL = ("--rows", "5000", "--rounds", "1")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=2_000_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")


def run(options: argparse.Namespace) -> Report:
    """Measure all contenders in turns."""
    pipe, split, single = [], [], []
    costs: dict[str, list[float]] = {"post_deltas.py": [], "the server": []}
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "rows"
        for _ in range(options.rounds):
            with _server() as (server, epoch):
                upper = _write(text, epoch, options.rows)
                split.append(options.rows / _split(text))
                before = server.cpu()
                seconds, busy = _pipe(server.port, text, upper)
                pipe.append(options.rows / seconds)
                costs["post_deltas.py"].append(busy / options.rows * 1e9)
                costs["the server"].append((server.cpu() - before) / options.rows * 1e9)
                single.append(_post_singly(server.port, epoch, upper))
        whole, whole_bars = measure_bulk(Path(folder), options.rows // 2, options.rounds)
    pipe_rate, split_rate, single_rate = map(statistics.median, (pipe, split, single))
    # The load of the machine varies, so ratios are of measures that were taken together.
    against_split = statistics.median(map(truediv, pipe, split))
    against_single = statistics.median(map(truediv, pipe, single))
    return Report(
        "pipe: from a file through post_deltas.py into a server",
        [
            Measure("post_deltas.py into the server", pipe_rate, "rows/s", pipe),
            Measure("decoding and splitting the lines", split_rate, "rows/s", split),
            Measure("one POST per row", single_rate, "rows/s", single),
            *(
                Measure(f"CPU of {name}", statistics.median(each), "ns/row", each)
                for name, each in costs.items()
            ),
            *whole,
        ],
        [
            Bar("against decoding and splitting", against_split, ">=", 0.15),
            Bar("against one POST per row", against_single, ">=", 500),
            *whole_bars,
        ],
        [
            f"{options.rows:,} rows, {PER_TIME} to a time; the start of post_deltas.py is counted",
            f"whole pipeline: {options.rows // 2:,} lines that are appended to a file at once",
        ],
    )


@contextmanager
def _server() -> Iterator[tuple[Measured, str]]:
    """Run an engine with the view, and a server with one client; yields it and the epoch."""
    engine, dsn = start_engine()
    with engine:
        create = f'CREATE TABLE {VIEW} ("user" text, count bigint)'
        epoch = find_relation(VIEW, text_query(dsn, create, relation_query(VIEW))).epoch
        with (
            start_server(dsn, VIEW) as server,
            Fleet(server.port, f"/view/stream?view={VIEW}", count=1),
        ):
            yield server, epoch


def _write(path: Path, epoch: str, rows: int) -> int:
    """Write text as tail_view.py prints it; return the time of the last progress row."""
    chance = random.Random(1)  # noqa: S311 -- a seed is what is wanted
    now = time.time_ns() // 1_000_000
    with path.open("w") as file:
        file.write(f"# epoch {epoch}\n{now}\tt" + 3 * "\t\\N" + "\n")
        for first in range(0, rows, PER_TIME):
            now += 10  # a server refuses times that are a minute ahead of the engine's
            for number in range(first, min(first + PER_TIME, rows)):
                user, diff = f"Editor {chance.randrange(1_000_000)}", chance.choice((1, -1))
                file.write(f"{now}\tf\t{diff}\t{user}\t{number}\n")
            file.write(f"{now + 1}\tt" + 3 * "\t\\N" + "\n")
    return now + 1


def _pipe(port: int, text: Path, upper: int) -> tuple[float, float]:
    """Return the seconds from the start of post_deltas.py until the server has all rows.

    The second number is the processor time of post_deltas.py.
    """
    command = [sys.executable, "post_deltas.py", VIEW, "--server", f"http://127.0.0.1:{port}"]
    begin, busy = time.perf_counter(), 0.0
    with text.open("rb") as file, Child(command, stdin=file.fileno()) as child:
        while child.is_running:
            busy = max(busy, precise_cpu_of(child.pid))
            time.sleep(0.002)
        seconds = time.perf_counter() - begin
        if status := child.wait():
            raise RuntimeError(f"post_deltas.py ended with {status}: {child.output}")
    head = get_json(port, f"/view/frontier?view={VIEW}")["frontier"]
    if head != upper:
        raise RuntimeError(f"expected the server's head at {upper}, found {head}")
    return seconds, busy


def _split(text: Path) -> float:
    """Return the seconds to read, decode and split the same lines, which are kept.

    Without the cyclic garbage collector: it would look at all of them again and again.
    """
    kept: list[list[str]] = []
    gc.disable()
    begin = time.perf_counter()
    descriptor = os.open(text, os.O_RDONLY)
    try:
        rest = b""
        while data := os.read(descriptor, 1 << 18):
            head, _, tail = data.rpartition(b"\n")
            lines = (rest + head).decode().split("\n")
            rest = tail
            kept += [line.split("\t") for line in lines]
        return time.perf_counter() - begin
    finally:
        os.close(descriptor)
        gc.enable()


def _post_singly(port: int, epoch: str, lower: int) -> float:
    """Return the rows a second of one POST for each row, over one connection."""
    with requests.Session() as session:
        session.trust_env = False
        begin = time.perf_counter()
        for now in range(lower, lower + SINGLE):
            delta = Delta(VIEW, epoch, now, now + 1, [(now, 1, ("Editor 1", str(now)))])
            answer = session.post(
                f"http://127.0.0.1:{port}/view/deltas",
                encode(delta),
                headers={"Content-Type": "application/json"},
                timeout=PATIENCE,
            )
            answer.raise_for_status()
        return SINGLE / (time.perf_counter() - begin)
