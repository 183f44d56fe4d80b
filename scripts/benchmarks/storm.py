"""Many clients that connect at once: time until the last has its base, and reads of the view."""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, field

from scripts.benchmarks._contenders import LABELS, Peers, prepared_peers
from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._measured import Measured
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Part, Report

OURS = "viewstream"
_VIEW = """
    CREATE TABLE storm (id int8, name text, wiki text, count int8);
    INSERT INTO storm
    SELECT g, 'A user of some wiki, number ' || g::text, 'enwiki', g * 7
    FROM generate_series(1, {rows}) g
"""
_SMALLEST_BASE = 10_000


BRIEF = ("--rounds", "2")
SMALL = ("--clients", "20", "--rows", "2000", "--rounds", "1")


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

    def add(self, server: Measured, path: str, count: int, *, deflates: bool = False) -> None:
        smallest = 1000 if deflates else _SMALLEST_BASE
        before = server.cpu()
        with Fleet(server.port, path, count=count, smallest=smallest, deflates=deflates) as fleet:
            self.seconds.append(fleet.wait_for_messages(1))
            self.size = fleet.report().largest
        self.cpu.append(server.cpu() - before)


def run(options: argparse.Namespace) -> Report:
    with prepared_peers() as peers:
        parts = [_part(options, peers, deflates=deflates) for deflates in (False, True)]
    measures = [measure for part in parts for measure in part[0]]
    bars = [bar for part in parts for bar in part[1]]
    notes = [f"{options.clients} clients, {options.rows} rows each.", *peers.notes]
    return Report("storm", measures, bars, notes)


def _part(options: argparse.Namespace, peers: Peers, *, deflates: bool) -> Part:
    """Measure with or without deflate; the peers send as many bytes as viewstream did.

    With deflate, only the bare loop: it answers the same offer, and sends bytes that it is given.
    The peers would compress once for each client.
    """
    storms, reads = {OURS: _Storms()}, []
    names = ["bare"] if deflates else list(peers.commands)
    for _ in range(options.rounds):
        with Stage(_VIEW.format(rows=options.rows), "storm") as stage:
            stage.poster().settle()  # so that the view is live
            path = "/view/stream?view=storm"
            storms[OURS].add(stage.server, path, options.clients, deflates=deflates)
            reads.append(stage.health()["base_reads"])
        for name in names:
            with peers.start(name) as server:
                server.order(f"hello {storms[OURS].size}")
                storms.setdefault(name, _Storms()).add(
                    server, "/", options.clients, deflates=deflates
                )
    way = "deflated" if deflates else "plain"
    return _measures(storms, way), list(_bars(storms, way, max(reads)))


def _measures(storms: dict[str, _Storms], way: str) -> list[Measure]:
    measures = [Measure(f"{way}: size of the base", storms[OURS].size / 1024, "KB")]
    for name, one in storms.items():
        label = LABELS.get(name, name)
        measures += [
            Measure(f"{way}, wall: {label}", statistics.median(one.seconds), "s", one.seconds),
            Measure(f"{way}, CPU: {label}", statistics.median(one.cpu), "s", one.cpu),
        ]
    return measures


def _bars(storms: dict[str, _Storms], way: str, reads: float) -> list[Bar]:
    ours, bare = storms[OURS], storms["bare"]
    wall = statistics.median(ours.seconds) / statistics.median(bare.seconds)
    cpu = statistics.median(ours.cpu) / statistics.median(bare.cpu)
    return [
        Bar(f"{way}: wall against a bare loop", wall, "<=", 1.3),
        Bar(f"{way}: CPU against a bare loop", cpu, "<=", 2.2),
        Bar(f"{way}: reads of the view", reads, "<=", 3, ""),
    ]
