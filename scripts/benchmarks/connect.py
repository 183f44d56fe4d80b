"""Processor time of a handshake, and memory of an idle client, compared with other servers."""

from __future__ import annotations

import argparse
import contextlib
import statistics
from dataclasses import dataclass, field

from scripts.benchmarks._contenders import LABELS, prepared_peers
from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._measured import Measured
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Report

OURS = "viewstream"
_WARM_UP = 256
"""Clients that come and go first, so that what is made only once is not counted."""


BRIEF = ("--rounds", "1")
SMALL = ("--clients", "20", "--rounds", "1")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)


@dataclass
class _Costs:
    """Of each round: microseconds of a handshake, and kilobytes of an idle client."""

    handshakes: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def add(self, server: Measured, path: str, count: int) -> None:
        has_base = path != "/"
        with Fleet(server.port, path, count=_WARM_UP, deflates=True) as fleet:
            fleet.wait_for_messages(int(has_base))
        cpu, memory = server.cpu(), server.memory()
        with Fleet(server.port, path, count=count, deflates=True) as fleet:
            fleet.wait_for_messages(int(has_base))
            self.handshakes.append((server.cpu() - cpu) / count * 1e6)
            self.memory.append((server.memory() - memory) / count / 1024)


def run(options: argparse.Namespace) -> Report:
    costs: dict[str, _Costs] = {}
    with prepared_peers() as peers:
        for _ in range(options.rounds):
            with Stage("CREATE TABLE connect (name text, n int8)", "connect") as stage:
                stage.poster().settle()  # so that the view is live
                path = "/view/stream?view=connect"
                costs.setdefault(OURS, _Costs()).add(stage.server, path, options.clients)
            for name in peers.commands:
                with contextlib.closing(peers.start(name)) as server:
                    costs.setdefault(name, _Costs()).add(server, "/", options.clients)
    measures = [
        *_measures("a handshake", "us", {name: one.handshakes for name, one in costs.items()}),
        *_measures("an idle client", "KB", {name: one.memory for name, one in costs.items()}),
    ]
    bars = [
        Bar("CPU of a handshake", statistics.median(costs[OURS].handshakes), "<=", 100, "us"),
        Bar("memory of an idle client", statistics.median(costs[OURS].memory), "<=", 3, "KB"),
    ]
    notes = [
        f"{options.clients:,} clients of one view, with deflate offered. A handshake of viewstream "
        "includes the base; memory is resident memory, without that of the kernel.",
        *peers.notes,
    ]
    return Report("connect", measures, bars, notes)


def _measures(what: str, unit: str, samples: dict[str, list[float]]) -> list[Measure]:
    return [
        Measure(f"{what}: {LABELS.get(name, name)}", statistics.median(values), unit, values)
        for name, values in samples.items()
    ]
