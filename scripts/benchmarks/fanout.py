"""Server time for each delta and client, compared with other servers."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import sys
import time
from dataclasses import dataclass, field

from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._measured import Measured
from scripts.benchmarks._peers import install_ws
from scripts.benchmarks._poster import Poster
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Report

OURS = "viewstream"
NAMES = {
    OURS: "viewstream",
    "bare": "a loop of socket.send",
    "ws": "ws on Node",
    "websockets": "websockets.broadcast",
    "tornado": "Tornado write_message",
}
LIMITS = {"bare": 1.2, "ws": 0.8, "websockets": 0.75, "tornado": 0.3}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--size", type=int, default=500, help="bytes of a delta")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender")
    parser.add_argument("--seconds", type=float, default=5, help="of one turn")


@dataclass
class Contender:
    """A server with its clients; `costs` has microseconds per delta and client."""

    name: str
    child: Measured
    fleet: Fleet
    poster: Poster | None = None
    costs: dict[float, list[float]] = field(default_factory=dict)

    def turn(self, rate: float, seconds: float, size: int) -> None:
        """Send for `seconds`, and record the server's processor time."""
        before, received = self.child.cpu(), self.fleet.messages
        if self.poster is None:
            order = self.child.order_in_thread(f"{rate} {seconds} {size}")
            while order.is_alive():
                self.fleet.read(0.01)
            count = int(rate * seconds)
        else:
            count = self._post(self.poster, rate, seconds, size)
        due = count * len(self.fleet.clients)

        def has_all() -> bool:
            if self.poster is None:
                return self.fleet.messages - received >= due
            return self.fleet.has_reached(self.poster.head)

        try:
            self.fleet.read_until(has_all, 60)
        except TimeoutError as error:
            arrived = self.fleet.messages - received
            reason = f"{NAMES[self.name]} at {rate:g}/s: {arrived} of {due} messages arrived"
            raise TimeoutError(reason) from error
        cost = (self.child.cpu() - before) / due * 1e6
        self.costs.setdefault(rate, []).append(cost)

    def _post(self, poster: Poster, rate: float, seconds: float, size: int) -> int:
        count = int(rate * seconds)
        row = ("x" * (size - 118), "1")  # the rest is the frame of a delta around one row
        begin = time.monotonic()
        for n in range(count):
            while (left := begin + n / rate - time.monotonic()) > 0:
                self.fleet.read(left)
            poster.post([row])
        poster.settle()
        return count


def run(options: argparse.Namespace) -> Report:
    with contextlib.ExitStack() as stack:
        contenders = list(_contenders(stack, options))
        for rate in (4.0, 300.0):
            seconds = options.seconds if rate < 100 else options.seconds / 10
            for _ in range(options.rounds):
                for contender in contenders:
                    contender.turn(rate, seconds, options.size)
    return _report(contenders, options)


def _contenders(stack: contextlib.ExitStack, options: argparse.Namespace) -> list[Contender]:
    stage = stack.enter_context(Stage("CREATE TABLE fanout (name text, n int8)", "fanout"))
    smallest = options.size // 2
    path = "/view/stream?view=fanout"
    fleet = Fleet(stage.address, path, count=options.clients, smallest=smallest)
    fleet.follows = True
    contenders = [Contender(OURS, stage.server, stack.enter_context(fleet), stage.poster())]
    commands = {
        name: [sys.executable, "-m", "scripts.benchmarks._peers", name]
        for name in ("bare", "websockets", "tornado")
    }
    ws = install_ws()
    if ws is not None:
        commands["ws"], folder = ws
        stack.callback(shutil.rmtree, folder)
    for name, command in commands.items():
        child = stack.enter_context(Measured(command))
        fleet = Fleet(("127.0.0.1", child.port), count=options.clients, smallest=smallest)
        contenders.append(Contender(name, child, stack.enter_context(fleet)))
    return contenders


def _report(contenders: list[Contender], options: argparse.Namespace) -> Report:
    measures, bars = [], []
    for rate in (4.0, 300.0):
        values = {one.name: statistics.median(one.costs[rate]) for one in contenders}
        for one in contenders:
            name = f"{NAMES[one.name]}, {rate:g} deltas/s"
            measures.append(Measure(name, values[one.name], "us", one.costs[rate]))
        if rate == 4.0:
            for peer, limit in LIMITS.items():
                if values.get(peer):
                    ratio = values[OURS] / values[peer]
                    bars.append(Bar(f"against {NAMES[peer]}", ratio, "<=", limit))
    notes = [
        f"Server CPU per (delta x client), {options.clients} clients, {options.size} bytes. "
        "viewstream gets each delta by a POST; the peers make theirs up."
    ]
    if all(one.name != "ws" for one in contenders):
        notes.append("ws was left out: Node or npm is missing, or ws could not be installed.")
    return Report("fanout", measures, bars, notes)
