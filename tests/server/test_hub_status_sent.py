"""Which client is sent the status of a view, and when."""

from __future__ import annotations

import pytest

from server.hub.status import (
    NO_PIPELINE,
)
from tests.server.hub_scenes import client_of, connect, fail_epoch, live_world, post_rows, statuses
from tests.server.simulated import VIEW
from tests.server.world import World
from viewstream.protocol import Position, Status


def test_clients_are_sent_the_status_when_it_changes_and_every_few_seconds() -> None:
    world, (follower,) = live_world()
    server, client = world.servers[0], client_of(follower)
    world.read(follower)
    seen: list[tuple[int, str, str]] = []
    for second in range(1, 25):
        world.pass_time(1_000)
        server.turn()
        seen += [(second, one.state, one.reason) for one in statuses(client)]
    half, whole = ("nothing was posted for 7.5 s", "nothing was posted for 15 s")
    assert seen == [
        *((1, "live", ""), (6, "live", "")),
        *((8, "live", half), (13, "live", half)),
        *((15, "stale", whole), (20, "stale", whole)),
    ]


def test_live_clients_are_sent_no_status_while_they_are_sent_deltas() -> None:
    """Others are."""
    world, (follower,) = live_world()
    server = world.servers[0]
    world.pass_time(1_000)
    server.turn()
    world.read(follower)
    waiting = connect(server, Position("1606000000000-u9", 1))
    seen: list[Status] = []
    for n in range(30):
        world.pass_time(1_000)
        post_rows(world, f"row {n}")
        server.turn()
        seen += statuses(client_of(follower))
    assert seen == []
    assert 6 <= len(statuses(waiting)) <= 7
    for _ in range(5):
        world.pass_time(1_000)
        server.turn()
    assert statuses(client_of(follower)) == [Status(VIEW, "live")]


@pytest.mark.parametrize("room", [0, 1_000_000], ids=["before the status", "with the status"])
def test_a_client_that_missed_a_status_is_sent_it_when_it_drains(room: int) -> None:
    world, (follower,) = live_world()
    server, client = world.servers[0], client_of(follower)
    world.pass_time(1_000)
    server.turn()
    statuses(client)
    client.room = room
    post_rows(world, "a row")
    server.turn()
    client.room = 0
    fail_epoch(world)
    world.pass_time(1_000)
    server.turn()
    client.drain(1_000_000)
    server.turn()
    assert statuses(client) == [Status(VIEW, "live", "it is away")]
    post_rows(world, "another row")
    client.room = 0
    server.turn()
    client.drain(1_000_000)
    server.turn()
    assert statuses(client) == []


def test_a_client_that_left_without_the_status_is_forgotten() -> None:
    world, (follower,) = live_world()
    server, client = world.servers[0], client_of(follower)
    client.room = 0
    world.pass_time(1_000)
    server.turn()
    assert server.view.feed.without_status
    server.hub.remove_client(client)
    assert not server.view.feed.without_status


def test_clients_without_rows_are_sent_waiting() -> None:
    world = World()
    server = world.servers[0]
    nothing = connect(server)
    server.turn()
    world.pass_time(1_000)
    server.turn()
    assert statuses(nothing) == [Status(VIEW, "waiting", "the view is being read")]
    world.ask_now(server, is_base=True)
    server.turn()
    # It has a base now, and no log continues it.
    assert statuses(nothing) == [Status(VIEW, "stale", NO_PIPELINE)]
    world.pass_time(5_000)
    server.turn()
    assert statuses(nothing) == [Status(VIEW, "stale", NO_PIPELINE)]


def test_a_base_is_followed_by_the_present_status() -> None:
    world, _ = live_world()
    server = world.servers[0]
    world.pass_time(1_000)
    server.turn()
    late = connect(server)
    server.turn()
    assert statuses(late) == [Status(VIEW, "live")]
    post_rows(world, "a")
    server.turn()
    assert statuses(late) == []
