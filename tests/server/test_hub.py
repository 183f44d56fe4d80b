"""Single rules of the hub, each in a few lines."""

from __future__ import annotations

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from server.framing import Message
from server.hub.epochs import Epochs, Verdict
from server.hub.folding import FoldCache
from server.hub.history import Outcome
from server.hub.listener import Client
from tests.server.world import LIMITS, VIEW, FakeClient, Follower, World
from viewstream import protocol
from viewstream.client.state import ViewState
from viewstream.protocol import Base, Delta, Position, Status, decode


def seen(follower: Follower) -> list[protocol.Message]:
    assert follower.connection is not None
    return [
        message
        for text in follower.connection.reader.messages()
        if not isinstance(message := decode(text), Status)
    ]


def live(count: int = 1) -> tuple[World, list[Follower]]:
    """A server with a log from 1000 on, and clients that are live there."""
    world = World()
    server = world.servers[0]
    world.work(server)
    followers = [Follower() for _ in range(count)]
    for follower in followers:
        world.connect(server, follower)
        server.turn()
        world.read(follower)
    return world, followers


def post(world: World, *names: str) -> None:
    """One more millisecond, in which a row of each name comes."""
    for name in names:
        world.engine.change(world.engine.epoch, (name, "1"), 1)
    world.engine.time += 1
    pipeline = world.pipelines[-1]
    assert world.post(world.servers[0], pipeline, 0, 1) is Outcome.TAKEN


def test_a_second_pipeline_that_begins_higher_waits_for_the_first() -> None:
    """The gap may yet be closed, also when the log has only just begun and is still empty."""
    world = World()
    server = world.servers[0]
    server.ask(is_base=False)
    world.deliver(server, server.asked[-1])
    first = world.start_pipeline()
    assert world.post(server, first, 0, 0) is Outcome.HAD
    world.pass_time(100)
    second = world.start_pipeline()
    assert world.post(server, second, 0, 0) is Outcome.GAP
    assert world.post(server, first, 0, 50) is Outcome.TAKEN
    world.pass_time(LIMITS.gap_patience - 1)
    assert world.post(server, second, 0, 0) is Outcome.GAP
    world.pass_time(1)
    assert world.post(server, second, 0, 1) is Outcome.TAKEN
    log = server.view.history.log
    assert log is not None
    assert (log.lower, log.head) == (second.posted - 1, second.posted)


def test_several_deltas_of_one_turn_go_out_in_one_write() -> None:
    world, (follower,) = live()
    assert follower.connection is not None
    writes: list[int] = []
    take = follower.connection._take
    group = follower.connection.group
    assert group is not None
    group.sends[follower.connection] = lambda data: writes.append(1) or take(data)  # type: ignore[func-returns-value]
    for name in "abc":
        post(world, name)
    world.servers[0].turn()
    assert len(writes) == 1
    assert [message.upper for message in seen(follower)] == [1001, 1002, 1003]  # type: ignore[union-attr]


def test_nothing_is_kept_for_a_client_that_takes_nothing() -> None:
    world, (stalled, quick) = live(2)
    assert stalled.connection is not None
    stalled.connection.room = 0
    for n in range(50):
        post(world, f"row {n}")
        world.servers[0].turn()
    assert stalled.connection.kept == b"\x8a\x00", "but two bytes, to learn when it drains"
    assert len(seen(quick)) == 50
    stalled.connection.drain(10_000_000)
    world.servers[0].turn()
    world.work(world.servers[0])  # so much was missed that it takes another base
    assert isinstance(base := seen(stalled)[0], Base)
    assert base.upper == world.engine.time


def test_a_client_with_half_a_frame_gets_the_rest_of_it_first() -> None:
    world, (follower,) = live()
    assert follower.connection is not None
    follower.connection.room = 20
    for n in range(3):
        post(world, f"row {n}")
        world.servers[0].turn()
    follower.connection.drain(10_000_000)
    world.servers[0].turn()
    first, rest = seen(follower)
    assert isinstance(first, Delta)
    assert isinstance(rest, Delta)
    assert (first.lower, first.upper) == (1000, 1001)
    assert (rest.lower, rest.upper) == (1001, 1003)


def test_who_came_with_another_epoch_gets_only_a_base_that_was_asked_for_later() -> None:
    world, _ = live()
    server = world.servers[0]
    early = server.view.history.epochs.asked
    stranger = Follower(state=ViewState(VIEW))
    client = FakeClient(world, server, deflates=False)
    stranger.connection = client
    server.hub.add_client(client, {VIEW: Position("1606000000000-u9", 5)})
    server.turn()
    assert seen(stranger) == []
    server.ask(is_base=False)
    world.deliver(server, server.asked[-1])
    server.turn()
    assert seen(stranger) == [], "the epoch is settled, but the kept base is an old one"
    server.ask(is_base=True)
    world.deliver(server, server.asked[-1])
    server.turn()
    (base,) = seen(stranger)
    assert isinstance(base, Base)
    assert server.view.history.base is not None
    assert server.view.history.base.asked > early


def test_nobody_is_sent_a_base_below_the_frontier_at_which_he_resumed() -> None:
    world, (follower,) = live()
    server = world.servers[0]
    base = server.view.history.base
    assert base is not None
    for n in range(30):
        post(world, f"a row that makes the log larger than the base {n}")
    server.turn()
    late = Follower()
    world.read(follower)
    late.state = follower.state
    world.engine.time += 1
    world.connect(server, late)
    server.turn()
    (answer,) = seen(late)
    assert isinstance(answer, Delta)
    assert answer.lower == answer.upper == base.upper + 30


def test_too_many_bases_on_their_way_cost_the_slowest_their_connection() -> None:
    world, _ = live()
    server = world.servers[0]
    clients = []
    for n in range(6):
        world.engine.change(world.engine.epoch, (f"row {n}", "1"), 1)
        world.engine.time += 1
        server.ask(is_base=True)
        world.deliver(server, server.asked[-1])
        client = FakeClient(world, server, deflates=False)
        client.room = 10
        server.hub.add_client(client, {VIEW: None})
        server.turn()
        clients.append(client)
    assert [client.is_closed for client in clients] == [True, True, False, False, False, False]


def test_while_the_view_cannot_be_read_a_client_gets_the_kept_base_once() -> None:
    """More has come since than is folded otherwise: there is nothing better to be had."""
    world, _ = live()
    server = world.servers[0]
    world.engine.is_readable = False
    for n in range(5):
        post(world, f"a row that makes the log larger than the base {n}")
    server.ask(is_base=True)
    world.deliver(server, server.asked[-1])
    late = Follower()
    world.connect(server, late)
    server.turn()
    base, delta = seen(late)
    assert isinstance(base, Base)
    assert isinstance(delta, Delta)
    assert delta.lower == base.upper
    assert delta.upper == world.engine.time
    assert len(delta.updates) == 5


def test_while_the_view_cannot_be_read_a_slow_client_gets_on_with_each_drain() -> None:
    world, _ = live()
    server = world.servers[0]
    world.engine.is_readable = False
    late = Follower()
    world.connect(server, late)
    assert late.connection is not None
    late.connection.room = 10
    server.turn()
    for n in range(5):
        post(world, f"a row that makes the log larger than the base {n}")
    server.ask(is_base=True)
    world.deliver(server, server.asked[-1])
    late.connection.drain(10_000_000)
    server.turn()
    base, delta = seen(late)
    assert isinstance(base, Base)
    assert isinstance(delta, Delta)
    assert (delta.lower, delta.upper) == (base.upper, world.engine.time)


def test_a_base_is_read_for_the_audit_when_nobody_needs_one() -> None:
    """Every minute while deltas come, once when the head stands still, never without a pipeline."""
    world, (follower,) = live()
    server = world.servers[0]
    world.disconnect(follower)
    reads = []
    for second in range(200):
        world.now += 1000
        if second < 150:
            post(world)
        server.hub.on_tick(world.now)
        if server.view.wants_base:
            reads.append(second)
            server.ask(is_base=True)
            world.deliver(server, server.asked[-1])
    assert reads == [59, 119, 154]


def test_folded_deltas_are_kept_within_a_bound_and_those_used_last_stay() -> None:
    folds = FoldCache(1000)
    for frontier in range(100):
        folds.put(frontier, Message(b"x" * 300))
        assert folds.size <= 1000
        assert folds.get(0) is not None, "it is used each time"
    assert folds.get(98) is not None
    assert folds.get(50) is None
    folds.put(100, Message(b"x" * 5000))
    assert folds.get(100) is not None, "what is alone stays, for those who share it"
    assert folds.size == 5000
    folds.clear()
    assert folds.size == 0
    assert folds.get(100) is None


def test_many_who_come_back_at_different_places_leave_little_behind() -> None:
    world, _ = live()
    server = world.servers[0]
    view = server.view
    for name in "abcd":
        post(world, name * 10)
    epoch, head = world.engine.epoch, view.history.head
    for frontier in [*range(head - 4, head), *range(head + 1, head + 50)]:
        client = Passing()
        server.hub.add_client(client, {VIEW: Position(epoch, frontier)})
        server.turn()
    assert view.history.fold_cache.size <= LIMITS.fold_cache_bytes
    assert view.history.fold_cache.get(head + 1) is None, "an answer that is made in no time"


def test_what_slow_clients_keep_for_themselves_is_bounded_over_all() -> None:
    """Those who share a message cost little; of the others, the slowest are let go."""
    world, followers = live(8)
    hub = world.servers[0].hub
    clients = [one.connection for one in followers if one.connection is not None]
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


def test_no_more_are_let_go_than_it_takes() -> None:
    world, followers = live(4)
    hub = world.servers[0].hub
    clients = [one.connection for one in followers if one.connection is not None]
    for client in clients:
        client.room = 10
        hub._fanout.write(client, Message(b"y" * 300))
    hub.on_tick(world.now)
    assert [client.is_closed for client in clients] == [True, False, False, False]


def far_behind() -> tuple[World, list[Follower]]:
    """Clients at one place, above which much came and went: almost nothing of it is left."""
    world, followers = live(2)
    server = world.servers[0]
    for n in range(10):
        world.engine.change(world.engine.epoch, (f"of the view {n}", "1"), 1)
    world.engine.time += 1
    world.work(server)
    server.ask(is_base=True)
    world.deliver(server, server.asked[-1])
    for follower in followers:
        world.read(follower)
        world.disconnect(follower)
    for diff in (1, -1):
        world.engine.change(world.engine.epoch, ("comes and goes " * 22, "1"), diff)
        world.engine.time += 1
        world.work(server)
    assert server.view.history.base is not None
    assert server.view.history.log is not None
    assert server.view.history.log.size > LIMITS.fold_at_once
    return world, followers


def test_a_long_log_of_which_little_is_left_is_fewer_bytes_than_a_base() -> None:
    world, (follower, _) = far_behind()
    server = world.servers[0]
    world.connect(server, follower)
    turns = 0
    while server.admit():
        turns += 1
    server.turn()
    (delta,) = seen(follower)
    assert isinstance(delta, Delta)
    assert delta.upper == server.view.history.head
    assert delta.updates == []
    assert turns > 1, "so much is not folded in one go"
    server.hub.on_tick(world.now)
    assert server.view.history.folding is None, "nothing of it stays"


def test_who_leaves_while_much_is_folded_for_it_holds_up_nobody() -> None:
    world, (follower, other) = far_behind()
    server = world.servers[0]
    world.connect(server, follower)
    server.admit()
    assert server.view.history.folding is not None
    world.disconnect(follower)
    world.connect(server, other)
    server.turn()
    assert isinstance(seen(other)[0], Delta)


class Passing(Client):
    """A client that takes all, and can be watched."""

    def __init__(self) -> None:
        super().__init__(len, deflates=False)

    def keep_rest(self, data: bytes, sent: int) -> bool:
        raise AssertionError("all of it was taken")

    def close(self, code: int, reason: str) -> None:
        raise AssertionError("it need not be closed")


def test_a_client_that_left_is_freed_without_a_search_for_garbage() -> None:
    world, _ = live()
    hub = world.servers[0].hub
    gc.disable()
    try:
        client = Passing()
        gone = weakref.ref(client)
        hub.add_client(client, {VIEW: None})
        world.servers[0].turn()
        assert client.listeners[VIEW].is_live
        hub.remove_client(client)
        del client
        assert gone() is None
    finally:
        gc.enable()


def test_a_client_that_leaves_while_it_waits_to_be_served_is_not_served() -> None:
    world, _ = live()
    hub = world.servers[0].hub
    client = Passing()
    hub.add_client(client, {VIEW: None})
    hub.remove_client(client)
    world.servers[0].turn()
    assert len(hub._fanout.queue) == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3))))
def test_epochs_never_go_back(moves: list[tuple[bool, int, int]]) -> None:
    """Whatever the order in which answers arrive: an ended epoch does not come again."""
    epochs, engine = Epochs(), 0
    on_the_way: list[tuple[object, int]] = []
    held = -1
    for is_ask, which, step in moves:
        if is_ask or not on_the_way:
            on_the_way.append((epochs.ask(), engine))
            engine += step // 2
            continue
        question, answer = on_the_way.pop(which % len(on_the_way))
        epochs.settle(question, f"1-u{answer}")  # type: ignore[arg-type]
        now = int(str(epochs.current).removeprefix("1-u"))
        assert now >= held
        held = now
    assert epochs.settle(epochs.ask(), f"1-u{engine}") is not Verdict.LATE
    assert epochs.current == f"1-u{engine}"
