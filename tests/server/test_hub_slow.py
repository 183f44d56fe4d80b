"""The rules for slow clients, one by one; `server/hub/slow_clients.py` lists them."""

from __future__ import annotations

from server.framing import Message
from server.hub.slow_clients import TOO_SLOW, Backlog
from tests.server.hub_scenes import (
    client_of,
    connect,
    last_base,
    live_world,
    post_rows,
    received,
)
from tests.server.simulated import LIMITS
from viewstream.protocol import Base, Delta


def test_nothing_is_kept_for_a_client_that_takes_nothing() -> None:
    world, (stalled, quick) = live_world(2)
    client = client_of(stalled)
    client.room = 0
    for n in range(50):
        post_rows(world, f"row {n}")
        world.servers[0].turn()
    assert client.kept == b"\x8a\x00", "only two bytes, to learn when it drains"
    assert len(received(client_of(quick))) == 50
    client.drain(10_000_000)
    world.servers[0].turn()
    world.work(world.servers[0])  # so much was missed that it takes another base
    assert isinstance(base := received(client)[0], Base)
    assert base.upper == world.engine.time


def test_a_blocked_client_is_in_no_group_and_reported() -> None:
    world, (stalled, _) = live_world(2)
    hub = world.servers[0].hub
    client_of(stalled).room = 0
    post_rows(world, "row")
    world.servers[0].turn()
    assert client_of(stalled).group is None
    assert hub.blocked == 1
    client_of(stalled).drain(10_000_000)
    assert hub.blocked == 0


def test_a_client_with_half_a_frame_gets_the_rest_of_it_first() -> None:
    world, (follower,) = live_world()
    client = client_of(follower)
    client.room = 20
    for n in range(3):
        post_rows(world, f"row {n}")
        world.servers[0].turn()
    client.drain(10_000_000)
    world.servers[0].turn()
    first, rest = received(client)
    assert isinstance(first, Delta)
    assert isinstance(rest, Delta)
    assert (first.lower, first.upper) == (1000, 1001)
    assert (rest.lower, rest.upper) == (1001, 1003)
    assert rest.folded, "one merged delta"


def test_while_the_view_cannot_be_read_a_slow_client_advances_with_each_drain() -> None:
    world, _ = live_world()
    server = world.servers[0]
    world.engine.is_readable = False
    late = connect(server, room=10)
    server.turn()
    for n in range(5):
        post_rows(world, f"a row that makes the log larger than the base {n}")
    world.ask_now(server, is_base=True)
    late.drain(10_000_000)
    server.turn()
    base, delta = received(late)
    assert isinstance(base, Base)
    assert isinstance(delta, Delta)
    assert (delta.lower, delta.upper) == (base.upper, world.engine.time)


def test_a_client_that_takes_nothing_for_too_long_is_closed() -> None:
    world, (stalled, quick) = live_world(2)
    client = client_of(stalled)
    client.room = 0
    post_rows(world, "row")
    world.servers[0].turn()
    world.pass_time(LIMITS.stall_after)
    assert not client.is_closed
    world.pass_time(1)
    assert client.closed_with == (TOO_SLOW, "nothing was taken for 20 s")
    assert not client_of(quick).is_closed


def test_a_client_that_takes_a_little_at_a_time_is_not_closed() -> None:
    world, (slow,) = live_world()
    client = client_of(slow)
    client.room = 1
    post_rows(world, "row")
    world.servers[0].turn()
    for _ in range(10):
        world.pass_time(LIMITS.stall_after - 1)
        client.drain(1)
    assert not client.is_closed
    assert not client.is_ready, "it has not taken all of it yet"


def test_too_many_bases_on_their_way_disconnect_the_clients_with_the_oldest() -> None:
    world, _ = live_world()
    server = world.servers[0]
    clients = []
    for n in range(6):
        world.engine.change(world.engine.epoch, (f"row {n}", "1"), 1)
        world.engine.time += 1
        world.ask_now(server, is_base=True)
        clients += [connect(server, room=10), connect(server, room=10)]
        server.turn()
        assert len(server.hub._fanout.slow.bases_on_their_way(server.view.feed)) <= 4
    assert [client.is_closed for client in clients] == [True] * 4 + [False] * 8
    assert clients[0].closed_with == (TOO_SLOW, "too slow to take a base")
    for client in clients[4:]:
        client.drain(10_000_000)
    assert server.hub._fanout.slow.bases_on_their_way(server.view.feed) == []


def test_the_log_is_kept_for_a_base_on_its_way_up_to_twice_its_bound() -> None:
    world, _ = live_world()
    server = world.servers[0]
    slow = connect(server, room=10)
    server.turn()
    upper = last_base(server).upper
    log = server.view.history.log
    assert log is not None
    while log.size < 2 * LIMITS.log_bytes - 150:
        post_rows(world, "x" * 20)
        server.turn()
        assert log.lower <= upper
    for _ in range(10):
        post_rows(world, "x" * 20)
    assert log.size <= 2 * LIMITS.log_bytes
    assert log.lower > upper, "it does not grow without bound"
    slow.close(1000, "")
    post_rows(world, "x" * 20)
    assert log.size <= LIMITS.log_bytes


def test_the_backlog_of_all_clients_is_bounded() -> None:
    """Clients that share a message cost little; of the others, the slowest are disconnected."""
    world, followers = live_world(8)
    hub = world.servers[0].hub
    clients = [client_of(one) for one in followers]
    shared = Message(b"x" * 700)
    for number, client in enumerate(clients):
        client.room = 10
        message = shared if number < 4 else Message(b"y" * 400)
        assert hub._fanout.write(client, message)
    assert hub._fanout.slow.backlog_size > 700 + 4 * 400
    hub.on_tick(world.now)
    assert hub._fanout.slow.backlog_size <= LIMITS.backlog_bytes
    assert [client.is_closed for client in clients] == [False] * 4 + [True] * 4
    for client in clients[:4]:
        client.drain(10_000_000)
    assert hub._fanout.slow.backlog_size == 0


def test_no_more_clients_are_disconnected_than_needed() -> None:
    world, followers = live_world(4)
    hub = world.servers[0].hub
    clients = [client_of(one) for one in followers]
    for client in clients:
        client.room = 10
        hub._fanout.write(client, Message(b"y" * 300))
    hub.on_tick(world.now)
    assert [client.is_closed for client in clients] == [True, False, False, False]
    assert clients[0].closed_with is not None
    assert clients[0].closed_with[0] == TOO_SLOW


def test_a_shared_message_is_freed_once_however_many_clients_are_disconnected() -> None:
    world, _ = live_world()
    sharing = [connect(world.servers[0]) for _ in range(4)]
    alone = [connect(world.servers[0]) for _ in range(5)]
    backlog, data = Backlog(), b"x" * 4_000
    for client in sharing:
        backlog.add(client, data)
    for client in alone:
        backlog.add(client, bytes(bytearray(300)))
    chosen = backlog.excess(1_000)
    assert set(chosen[:4]) == set(sharing)
    assert chosen[4:] == alone[:2]


def test_a_shared_message_is_counted_once_until_the_last_client_has_it() -> None:
    world, _ = live_world()
    one, other = connect(world.servers[0]), connect(world.servers[0])
    backlog, data = Backlog(), b"x" * 100
    backlog.add(one, data)
    backlog.add(other, data)
    assert backlog.size == 100
    assert backlog.excess(100) == []
    assert set(backlog.excess(99)) == {one, other}
    backlog.remove(one)
    assert backlog.size == 100
    backlog.remove(other)
    backlog.remove(other)
    assert backlog.size == 0
