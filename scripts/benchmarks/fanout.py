"""Server time and latency of each delta and client, compared with other servers."""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from scripts.benchmarks._contenders import LABELS, Peers, prepared_peers
from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._measured import Measured
from scripts.benchmarks._peers import due_times, stamped
from scripts.benchmarks._poster import Poster
from scripts.benchmarks._stage import Stage
from scripts.benchmarks.report import Bar, Measure, Part, Report

OURS = "viewstream"
POSTED = "posted"
"""The name of the peer that gets its deltas by POSTs."""
UNTIL_LIVE = 1.5
"""Seconds after which all clients have been sent that the view, to which nothing was posted while
others had their turns, is live again."""
FRAME_OF_A_DELTA = 118
"""Bytes of a delta around the text of its one row."""


@dataclass(frozen=True)
class Scene:
    """Bursts of deltas, `rate` times a second.

    `left_out` are peers that cannot keep up with it. `posted` is the peer that is there twice: it
    makes deltas up, and gets them by POSTs as we do. A server that gets the deltas of a burst one
    by one does not know how many are to come.
    """

    name: str
    clients: int
    rate: float
    burst: int
    seconds: float
    left_out: tuple[str, ...] = ()
    posted: str | None = None


def scenes(options: argparse.Namespace) -> list[Scene]:
    """Return the scenes; those of single deltas come first, since their bars are the strictest."""
    clients, seconds = options.clients, options.seconds
    slow = ("tornado", "websockets")
    return [
        Scene(f"{clients:,} clients, 4 deltas/s", clients, 4, 1, seconds),
        Scene(
            f"{clients:,} clients, 4 bursts/s of 20",
            clients,
            4,
            20,
            seconds,
            ("tornado",),
            posted="uwebsockets",
        ),
        Scene(f"{clients:,} clients, 300 deltas/s", clients, 300, 1, seconds / 5, ("tornado",)),
        Scene(f"{10 * clients:,} clients, 4 deltas/s", 10 * clients, 4, 1, seconds, slow),
    ]


BRIEF = ("--rounds", "2", "--seconds", "3")
SMALL = ("--clients", "10", "--rounds", "1", "--seconds", "1")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=1000, help="and ten times as many")
    parser.add_argument("--size", type=int, default=500, help="bytes of a delta")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender")
    parser.add_argument("--seconds", type=float, default=5, help="of one turn")


@dataclass
class Contender:
    """A server with its clients. `costs` has microseconds per delta and client, `p50` ms.

    `idle` has the milliseconds of processor time a second while the others have their turns.
    """

    name: str
    server: Measured
    fleet: Fleet
    poster: Poster | None = None
    costs: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    _ended: tuple[float, float] | None = None
    """The time and the processor time at the end of the last turn."""

    def turn(self, scene: Scene, size: int) -> None:
        """Send for the scene's seconds, and record processor time and latency."""
        self._record_idle()
        if self.poster is not None:
            self.poster.post([])
            self.poster.settle()
            time.sleep(UNTIL_LIVE)
        before = self.server.cpu()
        if self.poster is None:
            order = f"send {scene.rate} {scene.seconds} {size} {scene.burst}"
            count, stamp = map(int, self.server.order(order).split())
        else:
            count, stamp = _post(self.poster, scene, size)
        self.fleet.wait_for_stamp(stamp)
        received = self.fleet.report()
        due = count * self.fleet.count
        if received.stamps != due:
            raise RuntimeError(f"{self.name}: expected {due} deltas, found {received.stamps}")
        self.costs.append((self.server.cpu() - before) / due * 1e6)
        self.p50.append(received.p50)
        self.p99.append(received.p99)
        self._ended = time.monotonic(), self.server.cpu()

    def _record_idle(self) -> None:
        if self._ended is not None:
            at, cpu = self._ended
            self.idle.append((self.server.cpu() - cpu) * 1000 / (time.monotonic() - at))


class PostedPeer(Contender):
    """A peer that gets each delta by a POST. It closes idle connections: each turn has its own."""

    def turn(self, scene: Scene, size: int) -> None:
        with contextlib.closing(Poster(self.server.port, "fanout", "1-u1", 1)) as self.poster:
            super().turn(scene, size)


def _post(poster: Poster, scene: Scene, size: int) -> tuple[int, int]:
    count = stamp = 0
    for due in due_times(scene.rate, scene.seconds):
        time.sleep(max(0.0, due - time.monotonic()))
        for _ in range(scene.burst):
            stamp, text = stamped(size - FRAME_OF_A_DELTA)
            poster.post([(text, "1")])
            count += 1
    poster.settle()
    return count, stamp


def run(options: argparse.Namespace) -> Report:
    measures, bars = [], []
    with prepared_peers() as peers:
        for scene in scenes(options):
            with contextlib.ExitStack() as stack:
                contenders = list(_contenders(stack, scene, peers, options.size))
                for _ in range(options.rounds):
                    for contender in contenders:
                        contender.turn(scene, options.size)
            part = _part(scene, contenders)
            measures += part[0]
            bars += part[1]
    notes = [
        f"Server CPU per (delta x client), and latency from the delta's making; {options.size} "
        "bytes. viewstream gets each delta by a POST; the peers make theirs up, but for one where "
        "it says so. `idle` is what the server takes while others have their turns.",
        *peers.notes,
    ]
    return Report("fanout", measures, bars, notes)


def _contenders(
    stack: contextlib.ExitStack, scene: Scene, peers: Peers, size: int
) -> list[Contender]:
    stage = stack.enter_context(Stage("CREATE TABLE fanout (name text, n int8)", "fanout"))
    servers = {OURS: stage.server}
    for name in peers.commands:
        if name not in scene.left_out:
            servers[name] = stack.enter_context(peers.start(name))
    contenders = []
    for name, server in servers.items():
        path = "/view/stream?view=fanout" if name == OURS else "/"
        fleet = Fleet(server.port, path, count=scene.clients, smallest=size // 2)
        contenders.append(Contender(name, server, stack.enter_context(fleet)))
    contenders[0].poster = stage.poster()
    if scene.posted in peers.commands:
        contenders.append(_posted(stack, scene, peers.start(scene.posted), size))
    return contenders


def _posted(stack: contextlib.ExitStack, scene: Scene, server: Measured, size: int) -> Contender:
    stack.enter_context(server)
    fleet = stack.enter_context(Fleet(server.port, "/", count=scene.clients, smallest=size // 2))
    return PostedPeer(POSTED, server, fleet)


def _part(scene: Scene, contenders: list[Contender]) -> Part:
    measures, costs, p50 = [], {}, {}
    for one in contenders:
        label = _label(scene, one.name)
        costs[one.name] = statistics.median(one.costs)
        p50[one.name] = statistics.median(one.p50)
        latency = f"p50 {p50[one.name]:.3g} ms, p99 {statistics.median(one.p99):.3g} ms"
        if one.idle:
            latency += f"; idle {statistics.mean(one.idle):.2g} ms/s"
        measures.append(
            Measure(f"{scene.name}: {label}", costs[one.name], "us", one.costs, latency)
        )
    return measures, list(_bars(scene, costs, p50))


def _label(scene: Scene, name: str) -> str:
    if name == POSTED and scene.posted is not None:
        return f"{LABELS[scene.posted]}, by POSTs"
    return LABELS.get(name, name)


def _bars(scene: Scene, costs: dict[str, float], p50: dict[str, float]) -> Iterator[Bar]:
    def against(peer: str, values: dict[str, float], what: str, limit: float) -> Iterator[Bar]:
        if peer in values:
            ratio = values[OURS] / values[peer]
            label = _label(scene, peer)
            yield Bar(f"{scene.name}: {what} against {label}", ratio, "<=", limit)

    if scene.burst > 1:
        yield Bar(f"{scene.name}: CPU", costs[OURS], "<=", 0.7, "us")
        yield from against(POSTED, p50, "p50", 1)
    elif scene.rate > 100:
        yield Bar(f"{scene.name}: CPU", costs[OURS], "<=", 2.0, "us")
        yield Bar(f"{scene.name}: p50", p50[OURS], "<=", 8, "ms")
    elif "tornado" in costs:
        yield from against("bare", costs, "CPU", 1.12)
        yield from against("picows", costs, "CPU", 1)
        yield from against("websockets", costs, "CPU", 0.75)
        yield from against("tornado", costs, "CPU", 0.3)
    else:
        yield from against("picows", p50, "p50", 1.2)
