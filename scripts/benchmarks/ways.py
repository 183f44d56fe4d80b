"""The two ways of changes to the server: a pipe of two scripts a view, and server --tail.

The same views over one table, on the same engine, first by one way and then by the other. Each
change is one INSERT, which changes every view.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import psycopg2
import requests
from psycopg2.extensions import cursor as Cursor  # noqa: N812 -- it is a class

from scripts.benchmarks._measured import start_engine, start_server
from scripts.benchmarks.report import Bar, Measure, Report
from scripts.child import Child, python_module
from scripts.procfs import cpu_of, descendants_of, memory_of
from viewstream.client import follow

PATIENCE = 120.0
IDLE = 10.0
"""Seconds over which the idle cost is measured."""
EVERY = 0.1
"""Seconds between two changes, on average."""
BULK = 50_000
"""Rows of the one INSERT whose rate is measured."""


Pids: TypeAlias = Callable[[], list[int]]
"""Lists the processes whose cost is measured."""


@dataclass(frozen=True)
class Figures:
    """The figures of one way."""

    live: float
    memory: float
    idle: float
    work: float
    p50: float
    p99: float
    rate: float


BRIEF = ()
SMALL = ("--views", "2", "--changes", "4")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--views", type=int, default=20, metavar="N")
    parser.add_argument("--changes", type=int, default=200, metavar="N")


def run(options: argparse.Namespace) -> Report:
    """Measure both ways in turn."""
    pipes = _measure(options.views, options.changes, has_pipes=True)
    tail = _measure(options.views, options.changes, has_pipes=False)
    measures = []
    for name, figures in (("pipes", pipes), ("server --tail", tail)):
        measures += [
            Measure(f"{name}: until all views are live", figures.live, "s"),
            Measure(f"{name}: memory", figures.memory, "MB/view"),
            Measure(f"{name}: idle", figures.idle, "% of a core"),
            Measure(f"{name}: processor time", figures.work, "ms/change and view"),
            Measure(f"{name}: latency p50", figures.p50, "ms"),
            Measure(f"{name}: latency p99", figures.p99, "ms"),
            Measure(f"{name}: one large INSERT", figures.rate, "rows/s in all views"),
        ]
    return Report(
        f"ways: {options.views} views by pipes, and by server --tail",
        measures,
        [
            Bar("processor time of server --tail", tail.work, "<=", 0.4, "ms/change and view"),
            Bar("memory against pipes", tail.memory / pipes.memory, "<=", 0.2),
        ],
        ["memory and processor time are those of the server and of the pipelines together"],
    )


def _measure(views: int, changes: int, *, has_pipes: bool) -> Figures:
    engine, dsn = start_engine()
    with engine, closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE t (a int)")
        names = [f"v{n}" for n in range(views)]
        for n, name in enumerate(names):
            query = f"SELECT a, a + {n} AS b FROM t"  # noqa: S608 -- numbers
            cursor.execute(f"CREATE MATERIALIZED VIEW {name} AS {query}")
        began = time.monotonic()
        with _ways(dsn, names, has_pipes=has_pipes) as (pids, url):
            _wait_until_live(url, views)
            live = time.monotonic() - began
            time.sleep(1)
            idle, memory = _cpu_over(IDLE, pids), sum(map(memory_of, pids())) / 1e6
            before = _cpu(pids)
            latencies = asyncio.run(_latencies(url, cursor, changes))
            work = _cpu(pids) - before
            rate = views * asyncio.run(_rate(url, cursor))
    return Figures(
        live=live,
        memory=memory / views,
        idle=100 * idle,
        work=1000 * work / changes / views,
        p50=1000 * statistics.median(latencies),
        p99=1000 * sorted(latencies)[round(0.99 * (len(latencies) - 1))],
        rate=rate,
    )


@contextmanager
def _ways(dsn: str, views: list[str], *, has_pipes: bool) -> Iterator[tuple[Pids, str]]:
    """Start a server, and pipelines; yields a function that lists their processes, and the URL."""
    options = () if has_pipes else ("--tail",)
    with start_server(dsn, *options, *views) as server:
        url = f"http://127.0.0.1:{server.port}"
        if not has_pipes:
            yield lambda: [server.pid], url
            return
        command = python_module("scripts.pipeline", "--dsn", dsn, "--server", url, *views)
        with Child(command) as pipeline:
            yield lambda: [server.pid, pipeline.pid, *descendants_of(pipeline.pid)], url


def _wait_until_live(url: str, views: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = requests.get(f"{url}/healthz", timeout=20).json()["views"].values()
        if sum(view["state"] == "live" for view in found) == views:
            return
        time.sleep(0.05)
    raise TimeoutError(f"not all of {views} views were live within {PATIENCE:g} s")


def _cpu(pids: Pids) -> float:
    """Return the seconds of processor time that the processes have used."""
    total = 0.0
    for pid in pids():
        with suppress(OSError):  # it has ended
            total += cpu_of(pid)
    return total


def _cpu_over(seconds: float, pids: Pids) -> float:
    """Return the share of a core that the processes use."""
    before, began = _cpu(pids), time.monotonic()
    time.sleep(seconds)
    return (_cpu(pids) - before) / (time.monotonic() - began)


async def _latencies(url: str, cursor: Cursor, changes: int) -> list[float]:
    """Insert rows one by one; return the seconds from each INSERT to its row at a client."""
    found = []
    async with follow(url, "v0") as stream:
        view = stream["v0"]
        await stream.until(lambda: view.position)
        for n in range(changes):
            began = time.monotonic()
            await asyncio.to_thread(cursor.execute, "INSERT INTO t VALUES (%s)", (n,))
            await stream.until(partial(view.state.rows.__contains__, (str(n), str(n))))
            found.append(time.monotonic() - began)
            # At random, since the engine closes times by a clock of its own.
            await asyncio.sleep(random.uniform(0, 2 * EVERY))  # noqa: S311 -- not a secret
    return found


async def _rate(url: str, cursor: Cursor) -> float:
    """Insert many rows at once; return how many a second a client has got at the end."""
    rows = ", ".join(f"({n})" for n in range(1_000_000, 1_000_000 + BULK))
    async with follow(url, "v0") as stream:
        view = stream["v0"]
        await stream.until(lambda: view.position)
        before = len(view.state.rows)
        await asyncio.to_thread(cursor.execute, f"INSERT INTO t VALUES {rows}")  # noqa: S608 -- numbers
        began = time.monotonic()
        await stream.until(lambda: len(view.state.rows) >= before + BULK, PATIENCE)
        return BULK / (time.monotonic() - began)
