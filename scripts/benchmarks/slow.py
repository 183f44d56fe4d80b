"""Blocked clients: what they cost the other clients, and the server's memory."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time

from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._poster import Poster, get_text
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Report

_TABLE = "CREATE TABLE slow (name text, n int8)"
_PATH = "/view/stream?view=slow"
_LARGE = [("x" * 4000, str(n)) for n in range(50)]


BRIEF = ("--rounds", "3")
SMALL = ("--quick", "10", "--stalled", "10", "--deltas", "3", "--rounds", "1")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", type=int, default=500, help="clients that read")
    parser.add_argument("--stalled", type=int, default=500, help="clients that do not read")
    parser.add_argument("--deltas", type=int, default=40, help="deltas of one turn")
    parser.add_argument("--rounds", type=int, default=5)


def run(options: argparse.Namespace) -> Report:
    with contextlib.ExitStack() as stack:
        alone = _Scene(stack, options.quick)
        mixed = _Scene(stack, options.quick)
        alone.turn(options.deltas)
        mixed.turn(options.deltas)
        before = mixed.stage.server.memory()
        stalled = mixed.stall(stack, options.stalled)
        for _ in range(options.rounds):
            alone.turn(options.deltas)
            mixed.turn(options.deltas)
        growth = (mixed.stage.server.memory() - before) / (1 << 20)
        assert mixed.stalled() == stalled
    alone_ms, mixed_ms = statistics.median(alone.times), statistics.median(mixed.times)
    return Report(
        "slow",
        [
            Measure(f"a delta to {options.quick} clients alone", alone_ms, "ms", alone.times),
            Measure(f"with {stalled} blocked clients", mixed_ms, "ms", mixed.times),
            Measure("memory that they cost", growth, "MB"),
        ],
        [
            Bar("delivery with blocked clients", mixed_ms / alone_ms, "<=", 1.1),
            Bar("memory", growth, "<=", 20, "MB"),
        ],
        ["From the POST until the last quick client has it; memory of the server, at the end."],
    )


class _Scene:
    """A server with quick clients, and perhaps blocked ones."""

    def __init__(self, stack: contextlib.ExitStack, quick: int) -> None:
        self.stage = stack.enter_context(Stage(_TABLE, "slow"))
        self.fleet = stack.enter_context(
            Fleet(self.stage.server.port, _PATH, count=quick, smallest=250)
        )
        self.poster: Poster = self.stage.poster()
        self.times: list[float] = []
        self._delivered = 0

    def turn(self, deltas: int) -> None:
        """Post deltas one by one; record the median time until all quick clients have one."""
        times = []
        for _ in range(deltas):
            begin = time.monotonic()
            self._deliver([("x" * 400, "1")])
            times.append((time.monotonic() - begin) * 1000)
        self.times.append(statistics.median(times))

    def _deliver(self, rows: list[tuple[str, str]]) -> None:
        self._delivered += 1
        self.poster.post(list(rows))
        self.fleet.wait_for_messages(self._delivered)

    def stall(self, stack: contextlib.ExitStack, count: int) -> int:
        """Add clients that read nothing, and post until all of them are blocked."""
        others = stack.enter_context(Fleet(self.stage.server.port, _PATH, count=count))
        others.stall()
        while self.stalled() < count:
            self._deliver(_LARGE)
        return count

    def stalled(self) -> int:
        """Return the number of blocked clients by the server's own metric."""
        text = get_text(self.stage.server.port, "/metrics")
        return int(float(text.partition("\nviewstream_clients_stalled ")[2].split()[0]))
