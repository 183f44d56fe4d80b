"""Clients with a pace: several changes as one delta, nothing folded, nothing twice or late."""

from __future__ import annotations

import pytest
from websockets.sync.client import connect

from server.framing import MAX_DEFLATED_AT_ONCE, Encoding, Message
from server.hub.listener import Pending
from server.hub.paces import MAX_MERGED, PACES, choose_pace, merge_deltas
from tests.server.hub_scenes import live_world, post_rows, received
from tests.server.served import Served, Watcher
from tests.server.simulated import VIEW, FakeClient
from tests.server.world import World
from viewstream.names import parse_view
from viewstream.protocol import Base, Delta, Position, Status, decode, encode


@pytest.mark.parametrize(
    ("every", "pace"), [(0, 0), (19, 0), (20, 20), (49, 20), (50, 50), (10**9, PACES[-1])]
)
def test_a_pace_is_rounded_down(every: int, pace: int) -> None:
    assert choose_pace(every) == pace


def paced_world(every: int = 50, encoding: Encoding = Encoding.FRAMES) -> tuple[World, FakeClient]:
    """A live client that gets each change at once, and one that has a pace and its base."""
    world, _ = live_world()
    server = world.servers[0]
    client = FakeClient(server, encoding)
    server.hub.add_client(client, {VIEW: None}, every=every)
    server.turn()
    assert [type(message) for message in received(client)] == [Base]
    return world, client


def post_each_millisecond(world: World, count: int) -> None:
    for n in range(count):
        post_rows(world, f"row {n}")
        world.clock.now += 1
        world.servers[0].turn()


def pass_pace(world: World, milliseconds: int) -> None:
    world.clock.now += milliseconds
    world.servers[0].turn()


def test_changes_within_a_pace_come_as_one_delta_with_their_own_times() -> None:
    world, client = paced_world()
    start = world.engine.time
    post_each_millisecond(world, 1)
    assert [message.upper for message in received(client)] == [start + 1], "at once after a pause"
    post_each_millisecond(world, 49)
    assert received(client) == []
    pass_pace(world, 1)
    (delta,) = received(client)
    assert isinstance(delta, Delta)
    assert not delta.folded
    assert (delta.lower, delta.upper) == (start + 1, start + 50)
    assert [time for time, _, _ in delta.updates] == list(range(start + 1, start + 50))


def test_a_client_without_a_pace_waits_for_no_other() -> None:
    world, _ = paced_world()
    start = world.engine.time
    post_each_millisecond(world, 3)
    plain = next(iter(world.servers[0].view.listeners)).client
    assert isinstance(plain, FakeClient)
    uppers = [message.upper for message in received(plain) if isinstance(message, Delta)]
    assert uppers == [start + 1, start + 2, start + 3]


def test_clients_of_a_pace_share_the_bytes() -> None:
    world, first = paced_world()
    server = world.servers[0]
    second = FakeClient(server)
    server.hub.add_client(second, {VIEW: None}, every=70)
    server.turn()
    received(second)
    assert first.listeners[VIEW].feed is second.listeners[VIEW].feed
    post_each_millisecond(world, 60)
    assert first.group is second.group
    assert received(first)[-1] == received(second)[-1]


def test_all_views_of_a_client_come_in_one_write() -> None:
    world, _ = live_world()
    part = f"{VIEW}[name=a]"
    server = world.servers[0]
    assert server.hub.open_parts([parse_view(part)], world.now)
    world.read_parts(server)
    client = FakeClient(server)
    server.hub.add_client(client, {VIEW: None, part: None}, every=50)
    server.turn()
    world.read_parts(server)
    server.turn()
    post_rows(world, "a")
    server.turn()
    received(client)
    before = client.writes
    for _ in range(2):
        post_rows(world, "a")
        server.turn()
    pass_pace(world, 50)
    assert client.writes == before + 1
    assert sorted(message.view for message in received(client)) == [VIEW, part]


def test_a_feed_ends_with_its_last_client() -> None:
    world, client = paced_world()
    view = world.servers[0].view
    post_each_millisecond(world, 3)
    (feed,) = view.paced_feeds
    assert len(feed.pending) == 2
    client.close(1000, "")
    assert view.paced_feeds == []
    pass_pace(world, 50)
    assert feed.pending == []


def test_a_client_that_resumes_between_two_flushes_gets_the_rest() -> None:
    world, first = paced_world()
    post_each_millisecond(world, 5)
    last = received(first)[-1]
    server, epoch = world.servers[0], world.engine.epoch
    second = FakeClient(server)
    server.hub.add_client(second, {VIEW: Position(epoch, last.upper)}, every=50)
    server.turn()
    (answer,) = received(second)
    assert isinstance(answer, Delta)
    assert (answer.lower, answer.upper) == (last.upper, world.engine.time)
    post_each_millisecond(world, 1)
    pass_pace(world, 50)
    pass_pace(world, 50)
    (rest,) = received(second)
    assert isinstance(rest, Delta)
    assert (rest.lower, rest.upper) == (answer.upper, world.engine.time)


def test_a_large_delta_stays_compressed_until_the_pace_has_passed() -> None:
    world, client = paced_world(encoding=Encoding.DEFLATED_FRAMES)
    server = world.servers[0]
    post_each_millisecond(world, 1)
    received(client)
    post_rows(world, "x" * 2 * MAX_DEFLATED_AT_ONCE)
    (message,) = server.hub.uncompressed()
    message.compress()
    server.turn()
    before = client.bytes
    pass_pace(world, 50)
    assert client.bytes - before < MAX_DEFLATED_AT_ONCE / 10
    assert server.view.feed.pending == []
    assert message.needs_worker_thread, "the log keeps it as it is only"


def pending(lower: int, upper: int, *texts: str, checksum: int | None = None) -> Pending:
    updates = [(upper - 1, 1, (text,)) for text in texts]
    delta = Delta(VIEW, "1-u1", lower, upper, updates, checksum=checksum)
    return Pending(Message(encode(delta)), upper)


STATUS = Pending(Message(encode(Status(VIEW, "live", ""))))


def merged(*messages: Pending) -> list[tuple[int, int, int | None] | None]:
    """Merge; return the interval and the checksum of each delta, None for a status."""
    found = [decode(bytes(one.message.payload)) for one in merge_deltas(messages, None)]
    return [
        (one.lower, one.upper, one.checksum) if isinstance(one, Delta) else None for one in found
    ]


def test_a_checksum_stays_with_its_upper() -> None:
    deltas = [pending(1, 2), pending(2, 3, "a", checksum=7), pending(3, 4), pending(4, 5)]
    assert merged(*deltas) == [(1, 3, 7), (3, 5, None)]


def test_a_status_keeps_its_place() -> None:
    deltas = [pending(1, 2), pending(2, 3), STATUS, pending(3, 4), pending(4, 5)]
    assert merged(*deltas) == [(1, 3, None), None, (3, 5, None)]


def test_large_deltas_are_not_merged() -> None:
    large = "x" * MAX_MERGED
    deltas = [pending(1, 2), pending(2, 3, large), pending(3, 4), pending(4, 5, "a")]
    assert merged(*deltas) == [(1, 2, None), (2, 3, None), (3, 5, None)]


def test_a_delta_that_is_alone_is_the_message_of_all() -> None:
    alone = pending(1, 2, "a")
    assert merge_deltas([alone], None) == [alone]


def test_a_websocket_with_a_pace_gets_every_update(served: Served) -> None:
    served.post(1001, 1001)
    with connect(f"{served.address('top10')}&every=1000") as connection:
        watcher = Watcher(connection)
        watcher.base()
        check_all_updates_come(served, watcher)


def check_all_updates_come(served: Served, watcher: Watcher) -> None:
    for upper in range(1002, 1010):
        served.post(upper - 1, upper, (upper - 1, 1, (f"row {upper}", "1")))
    times: list[int] = []
    count = 0
    while len(times) < 8:
        delta = watcher.delta()
        times += [time for time, _, _ in delta.updates]
        count += 1
    assert times == list(range(1001, 1009))
    assert count < 8
