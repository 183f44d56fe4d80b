"""Many clients that come at once: time until the last one has its base, and reads of the view."""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._processes import Child
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Report

_VIEW = """
    CREATE MATERIALIZED VIEW storm AS
    SELECT g AS id, 'A user of some wiki, number ' || g::text AS name, 'enwiki' AS wiki,
           g * 7 AS count
    FROM generate_series(1, {rows}) g
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=2048)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)


def run(options: argparse.Namespace) -> Report:
    ours, bare, reads = [], [], []
    size = 0
    for _ in range(options.rounds):
        with Stage(_VIEW.format(rows=options.rows), "storm") as stage:
            seconds, size = _storm(stage.address, "/view/stream?view=storm", options.clients)
            ours.append(seconds)
            reads.append(stage.health()["base_reads"])
        command = [sys.executable, "-m", "scripts.benchmarks._peers", "bare-bases", str(size)]
        with Child(command) as child:
            bare.append(_storm(("127.0.0.1", child.port), "/", options.clients)[0])
    ratio = statistics.median(ours) / statistics.median(bare)
    return Report(
        "storm",
        [
            Measure("viewstream, until the last has all", statistics.median(ours), "s", ours),
            Measure("the same bytes by a bare loop", statistics.median(bare), "s", bare),
            Measure("reads of the view", max(reads), "", [float(one) for one in reads]),
            Measure("one base", size / 1024, "KB"),
        ],
        [
            Bar("against a bare loop", ratio, "<=", 1.5),
            Bar("reads of the view", max(reads), "<=", 3, ""),
        ],
        [f"{options.clients} clients, {options.rows} rows each, not compressed."],
    )


def _storm(address: tuple[str, int], path: str, count: int) -> tuple[float, int]:
    """Seconds from the first connect to the last byte of the last base, and a base's size."""
    fleet = Fleet(address, path, count=count, smallest=10_000)
    begin = time.monotonic()
    with fleet:
        clients = list(fleet.clients.values())
        fleet.read_until(lambda: all(one.messages and one.is_between_frames for one in clients))
        return time.monotonic() - begin, max(one.largest for one in clients)
