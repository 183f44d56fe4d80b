"""When silent clients are pinged, and which of them are closed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from server.access.address_limits import AddressLimits
from server.access.expiry import Expiry
from server.http.open_connections import PINGED_AT_ONCE, OpenConnections
from server.hub.hub import Hub
from server.hub.slow_clients import TOO_SLOW
from server.metrics import Metrics

STALL_AFTER = 60_000
PATIENCE = STALL_AFTER // 2


@dataclass(eq=False)
class Peer:
    """A client of a connection. It answers pings unless it `is_gone`."""

    all: Peers
    heard_at: int
    is_gone: bool = False
    is_ready: bool = True
    pinged_at: int | None = None
    pings: list[int] = field(default_factory=list)
    ended: tuple[int, int] | None = None

    @property
    def takes_pings(self) -> bool:
        self.all.visits += 1
        return self.is_ready

    def ping(self) -> None:
        self.pings.append(self.all.now)
        if self.is_gone:
            self.pinged_at = self.all.now
        else:
            self.heard_at = self.all.now

    def time_out(self, code: int) -> None:
        self.ended = self.all.now, code
        self.all.connections._connections.remove(cast("Any", self))


class Peers:
    """Open connections on which nothing happens but ticks; times are in milliseconds."""

    def __init__(self) -> None:
        self.now = 0
        self.visits = 0
        self.connections = OpenConnections(
            cast("Hub", None),
            cast("Metrics", None),
            Expiry(),
            cast("AddressLimits", None),
            STALL_AFTER,
        )

    def add(self, *, is_gone: bool = False) -> Peer:
        peer = Peer(self, self.now, is_gone)
        self.connections._connections.add(cast("Any", peer))
        return peer

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1000
            self.connections.on_tick(self.now)


async def peers() -> Peers:
    return Peers()


def test_a_silent_client_is_pinged_again_and_again() -> None:
    all_ = asyncio.run(peers())
    all_.pass_time(10)
    peer = all_.add()
    all_.pass_time(62)
    assert peer.pings == [10_000 + n * (PATIENCE + 1000) for n in (1, 2)]
    assert peer.ended is None


def test_a_client_that_does_not_answer_a_ping_is_closed() -> None:
    all_ = asyncio.run(peers())
    all_.pass_time(10)
    peer = all_.add(is_gone=True)
    all_.pass_time(61)
    assert len(peer.pings) == 1
    assert peer.ended is None
    all_.pass_time(1)
    assert peer.ended == (10_000 + 2 * (PATIENCE + 1000), TOO_SLOW)


def test_a_client_that_was_heard_of_is_not_pinged_until_it_is_silent() -> None:
    all_ = asyncio.run(peers())
    peer = all_.add()
    for _ in range(10):
        all_.pass_time(25)
        peer.heard_at = all_.now
    assert peer.pings == []
    peer.is_ready = False
    all_.pass_time(60)
    assert peer.pings == [], "a blocked client has a limit of its own"


def test_clients_that_came_together_are_pinged_in_parts() -> None:
    all_ = asyncio.run(peers())
    clients = [all_.add() for _ in range(100)]
    all_.pass_time(31)
    assert sum(len(one.pings) for one in clients) == 1 + 100 * PINGED_AT_ONCE
    all_.pass_time(9)
    assert all(len(one.pings) == 1 for one in clients)


def test_clients_are_not_visited_while_none_can_be_due() -> None:
    all_ = asyncio.run(peers())
    for _ in range(10):
        all_.add()
    all_.pass_time(30)
    assert all_.visits == 10
