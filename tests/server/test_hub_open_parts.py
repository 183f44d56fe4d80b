"""Parts of a view in the hub: opened, kept open for a while, bounded, and closed."""

from __future__ import annotations

from server.hub.open_parts import OPENING
from tests.server.hub_scenes import live_world
from tests.server.part_scenes import (
    PART,
    change,
    follow,
    settle,
)
from tests.server.simulated import LIMITS, VIEW, FakeClient
from viewstream.names import ViewName, parse_view
from viewstream.protocol import Delta


def test_a_client_resumes_while_the_part_is_kept_open() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    change(world, ("a", 1))
    follower = follow(world, PART)
    world.disconnect(follower)
    change(world, ("a", 1))
    world.pass_time(LIMITS.part_grace - 2_000)
    change(world, ("a", 1))
    bases = server.questions[True]
    world.connect(server, follower)
    server.turn()
    assert [type(message) for message in world.read(follower)][:1] == [Delta]
    assert follower.state.rows == {("a", "1"): 3}
    assert server.questions[True] == bases


def test_a_part_that_was_closed_begins_again_with_a_base() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    change(world, ("a", 1))
    follower = follow(world, PART)
    world.disconnect(follower)
    for _ in range(2):
        world.pass_time(LIMITS.part_grace)
    assert not server.open_parts(), "a part that nobody listens to costs nothing"
    change(world, ("a", 1))
    world.connect(server, follower)
    settle(world)
    assert follower.connection is not None
    assert follower.connection.bases == 1
    assert follower.state.rows == {("a", "1"): 2}


def test_parts_are_bounded_and_idle_ones_make_room() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    names = [f"v[name={n}]" for n in range(LIMITS.max_parts)]
    followers = [follow(world, name) for name in names]
    more = parse_view("v[name=more]")
    assert not server.hub.open_parts([more], world.now)
    assert server.hub.open_parts([parse_view(names[0])], world.now), "it is open"
    world.disconnect(followers[1])
    world.pass_time(1_000)
    assert not server.hub.open_parts([more], world.now), "a client may just be coming back"
    world.pass_time(5_000)
    assert server.hub.open_parts([more], world.now)
    assert server.open_parts() == {"v[name=more]", *names} - {names[1]}
    assert server.hub.count_parts(VIEW) == LIMITS.max_parts


def test_idle_parts_of_a_network_make_room_for_others_of_it() -> None:
    world, _ = live_world(0)
    hub = world.servers[0].hub
    mine, ours, more = (parse_view(f"v[name={name}]") for name in ("mine", "ours", "more"))

    def make_room(share: int, name: ViewName = more) -> bool:
        return hub.make_room_for_parts([name], world.now, "A", share)

    for name, network in ((mine, "A"), (ours, "A"), (ours, "B")):
        assert hub.open_parts([name], world.now, network)
    assert make_room(2), "an idle part counts for the network that opened it last"
    assert make_room(1, mine), "it is open"
    assert not make_room(1), "a client may just be coming"
    client = FakeClient(world.servers[0], view=str(ours))
    client.network = "A"
    hub.add_client(client, {str(ours): None})
    world.pass_time(OPENING + 1)
    assert make_room(3)
    assert make_room(2)
    assert world.servers[0].open_parts() == {str(ours)}
    assert not make_room(1), "it has a client"
    client.close(1000, "")
    world.pass_time(1_000)
    assert not make_room(1), "it may be coming back"
    world.pass_time(OPENING + 1)
    assert make_room(1)
    assert not world.servers[0].open_parts()


def test_an_answer_for_a_part_that_was_closed_is_dropped() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    assert server.hub.open_parts([parse_view(PART)], world.now)
    server.ask(is_base=True, view=PART)
    server.ask(is_base=True, view=PART)
    for _ in range(2):
        world.pass_time(LIMITS.part_grace)
    assert not server.open_parts()
    world.deliver(server, server.asked[-1])
    world.fail(server, server.asked[-1])
