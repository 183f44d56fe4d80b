"""Memory of the server for each idle client."""

from __future__ import annotations

import argparse
import resource
import time

from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Report


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=10_000)


def run(options: argparse.Namespace) -> Report:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Stage("CREATE TABLE memory (name text, n int8)", "memory") as stage:
        poster = stage.poster()
        poster.settle()
        before = stage.server.memory()
        path = "/view/stream?view=memory"
        fleet = Fleet(stage.address, path, count=options.clients, smallest=20, deflates=True)
        with fleet:
            fleet.read_until(lambda: all(one.messages for one in fleet.clients.values()))
            for _ in range(5):  # so that all are live, and have received deltas
                poster.post([("a row", "1")])
                fleet.read_for(0.5)
            poster.settle()
            time.sleep(1)
            each = (stage.server.memory() - before) / options.clients / 1024
    return Report(
        "memory",
        [Measure("resident memory for each idle client", each, "KB")],
        [Bar("each idle client", each, "<=", 20, "KB")],
        [f"{options.clients} clients of one view; memory of the kernel is not counted."],
    )
