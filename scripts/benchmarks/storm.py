"""Many clients that connect at once: time until the last has its base, and reads of the view."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from dataclasses import dataclass, field

from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._measured import Measured
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Report
from server.framing import Encoding, Message, deflate
from viewstream.protocol import MAX_TIME, Base, Column, encode

_VIEW = """
    CREATE TABLE storm (id int8, name text, wiki text, count int8);
    INSERT INTO storm
    SELECT g, 'A user of some wiki, number ' || g::text, 'enwiki', g * 7
    FROM generate_series(1, {rows}) g
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=2048)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)


@dataclass
class _Storms:
    """Runs of one contender: seconds until the last base had arrived, and processor seconds."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    size: int = 0

    def add(self, server: Measured, path: str, count: int) -> None:
        before = server.cpu()
        seconds, self.size = _storm(("127.0.0.1", server.port), path, count)
        self.seconds.append(seconds)
        self.cpu.append(server.cpu() - before)


def run(options: argparse.Namespace) -> Report:
    ours, bare, reads = _Storms(), _Storms(), []
    for _ in range(options.rounds):
        with Stage(_VIEW.format(rows=options.rows), "storm") as stage:
            stage.poster().settle()  # so that the view is live
            ours.add(stage.server, "/view/stream?view=storm", options.clients)
            reads.append(stage.health()["base_reads"])
        command = [sys.executable, "-m", "scripts.benchmarks._peers", "bare-bases", str(ours.size)]
        with Measured(command) as child:
            bare.add(child, "/", options.clients)
    medians = [statistics.median(one.seconds) for one in (ours, bare)]
    return Report(
        "storm",
        [
            Measure("viewstream, until the last base", medians[0], "s", ours.seconds),
            Measure("the same bytes by a bare loop", medians[1], "s", bare.seconds),
            Measure("viewstream, processor", statistics.median(ours.cpu), "s", ours.cpu),
            Measure("a bare loop, processor", statistics.median(bare.cpu), "s", bare.cpu),
            Measure("reads of the view", max(reads), "", [float(one) for one in reads]),
            *_compression(options.rows),
        ],
        [
            Bar("against a bare loop", medians[0] / medians[1], "<=", 1.5),
            Bar("reads of the view", max(reads), "<=", 3, ""),
        ],
        [f"{options.clients} clients, {options.rows} rows each, not compressed."],
    )


def _compression(rows: int) -> list[Measure]:
    """Measure the cost of deflating a base, which is done once, and the size that it saves."""
    plain = encode(
        Base(
            "storm",
            "1606000000000-u7",
            MAX_TIME,
            [Column(name, "text") for name in ("id", "name", "wiki", "count")],
            [
                (str(g), f"A user of some wiki, number {g}", "enwiki", str(g * 7))
                for g in range(rows)
            ],
        )
    )
    begin = time.process_time()
    framed = Message(plain, None).encoded(Encoding.FRAMES)
    middle = time.process_time()
    deflated = deflate(plain)
    end = time.process_time()
    return [
        Measure("a base, plain", len(framed) / 1024, "KB"),
        Measure("a base, deflated", len(deflated) / 1024, "KB"),
        Measure("framing it, once", (middle - begin) * 1000, "ms"),
        Measure("deflating it, once", (end - middle) * 1000, "ms"),
    ]


def _storm(address: tuple[str, int], path: str, count: int) -> tuple[float, int]:
    """Return the seconds from the first connect to the last byte of the last base, and its size."""
    fleet = Fleet(address, path, count=count, smallest=10_000)
    begin = time.monotonic()
    with fleet:
        clients = list(fleet.clients.values())
        fleet.read_until(lambda: all(one.messages and one.is_between_frames for one in clients))
        return time.monotonic() - begin, max(one.largest for one in clients)
