"""A POST of one small delta: server time and time until the answer, beside bare servers."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from dataclasses import dataclass, field

from scripts.benchmarks._measured import Measured
from scripts.benchmarks._post_peers import PEERS, start_peer
from scripts.benchmarks._poster import Poster
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Report

OURS = "viewstream"


BRIEF = ("--rounds", "3")
SMALL = ("--posts", "20", "--rounds", "1")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--posts", type=int, default=2000, help="of one turn")
    parser.add_argument("--rounds", type=int, default=5)


@dataclass
class _Contender:
    """A server and its poster. `cpu` and `wall` have microseconds per POST of each turn."""

    server: Measured
    poster: Poster
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def turn(self, posts: int) -> None:
        """Post one delta after the other, each when the one before is answered."""
        before, begin = self.server.cpu(), time.monotonic()
        for _ in range(posts):
            self.poster.post([("a row of some text", "1")])
            self.poster.settle()
        self.wall.append((time.monotonic() - begin) / posts * 1e6)
        self.cpu.append((self.server.cpu() - before) / posts * 1e6)


def run(options: argparse.Namespace) -> Report:
    with contextlib.ExitStack() as stack:
        stage = stack.enter_context(Stage("CREATE TABLE post (name text, n int8)", "post"))
        contenders = {OURS: _Contender(stage.server, stage.poster())}
        for name in PEERS:
            peer = stack.enter_context(start_peer(name))
            poster = stack.enter_context(contextlib.closing(Poster(peer.port, "post", "1-u1", 1)))
            contenders[PEERS[name]] = _Contender(peer, poster)
        for _ in range(options.rounds):
            for one in contenders.values():
                one.turn(options.posts)
        measures = []
        for label, one in contenders.items():
            measures += [
                Measure(f"CPU: {label}", statistics.median(one.cpu), "us", one.cpu),
                Measure(f"wall: {label}", statistics.median(one.wall), "us", one.wall),
            ]
    bars = [
        Bar("CPU of a POST", statistics.median(contenders[OURS].cpu), "<=", 120, "us"),
        Bar("wall of a POST", statistics.median(contenders[OURS].wall), "<=", 450, "us"),
    ]
    return Report("post", measures, bars, ["Without clients; each POST waits for the last answer."])
