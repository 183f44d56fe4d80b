"""Parts of a view in the hub: split, advanced, audited, and following their view."""

from __future__ import annotations

import pytest

from server.hub.engine_answer import EngineAnswer, ReadBase
from server.hub.post_check import Outcome
from tests.server.hub_scenes import client_of, let_end, live_world, received
from tests.server.part_scenes import (
    OTHER,
    PART,
    change,
    deltas,
    follow,
    follower_status,
    part,
    settle,
)
from tests.server.simulated import LIMITS, VIEW, FakeClient, make_base
from tests.server.world import World
from viewstream.names import parse_view
from viewstream.protocol import MAX_TIME, Base, Delta, Position, Status, decode


def test_a_row_that_moves_is_a_delete_here_and_an_insert_there() -> None:
    world, _ = live_world(0)
    change(world, ("a", 1))
    here, there, whole = (follow(world, name) for name in (PART, OTHER, VIEW))
    change(world, ("a", -1), ("b c", 1))
    assert deltas(world, here) == [(-1, ("a", "1"))]
    assert deltas(world, there) == [(1, ("b c", "1"))]
    assert sorted(deltas(world, whole)) == [(-1, ("a", "1")), (1, ("b c", "1"))]


def test_a_row_that_moves_while_clients_are_blocked_is_folded_in_each_part() -> None:
    world, _ = live_world(0)
    change(world, ("a", 1))
    here, there, whole = followers = [follow(world, name) for name in (PART, OTHER, VIEW)]
    lower = world.servers[0].view.history.head
    for follower in followers:
        client_of(follower).room = 0
    change(world, ("a", -1), ("b c", 1))
    change(world, ("b c", 2))
    world.pass_time(1_000)
    world.servers[0].turn()
    for follower in followers:
        client_of(follower).drain(10_000_000)
    world.servers[0].turn()
    found = [received(client_of(follower)) for follower in (here, there, whole)]
    assert [len(messages) for messages in found] == [1, 1, 1]
    (left,), (came,), (both,) = found
    upper = world.servers[0].view.history.head
    for one in (left, came, both):
        assert isinstance(one, Delta)
        assert (one.lower, one.upper, one.folded) == (lower, upper, True)
    left_row, came_row = (upper - 1, -1, ("a", "1")), (upper - 1, 3, ("b c", "1"))
    assert isinstance(left, Delta)
    assert isinstance(came, Delta)
    assert isinstance(both, Delta)
    assert (left.updates, came.updates) == ([left_row], [came_row])
    assert sorted(both.updates) == [left_row, came_row]


def test_a_row_that_came_back_was_away_in_between() -> None:
    """Updates that cancel out are folded, too: the times in between were not as the ends are."""
    world, _ = live_world(0)
    change(world, ("a", 1))
    followers = [follow(world, name) for name in (PART, VIEW)]
    for follower in followers:
        client_of(follower).room = 0
    change(world, ("a", -1), ("b c", 1))
    change(world, ("a", 1), ("b c", -1))
    for follower in followers:
        client_of(follower).drain(10_000_000)
    world.servers[0].turn()
    for follower in followers:
        (delta,) = received(client_of(follower))
        assert isinstance(delta, Delta)
        assert (delta.updates, delta.folded) == ([], True)
    client_of(followers[0]).room = 0
    change(world, ("b c", 1))
    world.pass_time(1_000)
    world.servers[0].turn()
    client_of(followers[0]).drain(10_000_000)
    world.servers[0].turn()
    (progress,) = received(client_of(followers[0]))
    assert isinstance(progress, Delta)
    assert (progress.updates, progress.folded) == ([], False), "nothing happened in this part"


def test_a_part_without_changes_gets_its_progress_with_the_clock() -> None:
    world, _ = live_world(0)
    follower = follow(world, PART)
    for _ in range(5):
        change(world, ("b c", 1))
    assert world.read(follower) == []
    world.pass_time(1_000)
    world.servers[0].turn()
    (delta,) = (message for message in world.read(follower) if isinstance(message, Delta))
    assert delta.updates == []
    assert delta.upper == world.servers[0].view.history.head


def test_only_parts_with_updates_cost_anything() -> None:
    """Splitting costs what the delta has, however many parts are open."""
    world, _ = live_world(0)
    server = world.servers[0]
    followers = [follow(world, f"v[name={n}]") for n in range(LIMITS.max_parts)]
    published = [part(server, follower.name).history.head for follower in followers]
    change(world, ("0", 1), ("2", 1))
    head = server.view.history.head
    heads = [part(server, follower.name).history.head for follower in followers]
    assert heads == [head, published[1], head, *published[3:]]


def test_parts_follow_a_view_that_is_replaced_by_one_with_other_columns() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    follower = follow(world, PART)
    world.engine.replace([("a", "9")])
    world.ask_now(server, is_base=False)
    assert part(server).history.log is None
    world.start_pipeline()
    world.work(server)
    settle(world)
    settle(world)
    assert follower.state.position is not None
    assert follower.state.position.epoch == world.engine.epoch
    assert follower.state.rows == {("a", "9"): 1}


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (("x", "n"), "the view 'v' has no column 'name', by which it would be served in parts"),
        (
            ("name", "name"),
            "the view 'v' has 2 columns 'name', by which it would be served in parts",
        ),
    ],
)
def test_a_column_that_is_not_there_is_a_problem(columns: tuple[str, ...], problem: str) -> None:
    world = World()
    server = world.servers[0]
    server.ask(is_base=True)
    asked = server.asked.pop()
    base = make_base(world.engine, world.engine.epoch, 1_000, asked.question, world.now)
    wrong = ReadBase(
        base.upper, base.checksum, base.message, base.asked, base.read_at, columns=columns
    )
    server.hub.questions.take_answer(
        VIEW, EngineAnswer(asked.question, world.engine.epoch, world.now, wrong)
    )
    assert server.hub.part_problem(parse_view(PART)) == problem


def test_parts_follow_a_view_that_ends() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    follower = follow(world, PART)
    epoch, head = world.engine.epoch, server.view.history.head
    let_end(world)
    end = Delta(VIEW, epoch, head, MAX_TIME, [(head, 1, ("a", "1"))])
    assert server.hub.take_delta(end, world.now, 0) is Outcome.TAKEN
    server.turn()
    messages = received(client_of(follower))
    assert [(one.upper, one.view) for one in messages] == [(MAX_TIME, PART)]


def test_parts_are_stale_with_their_view() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    follower = follow(world, PART)
    world.pass_time(LIMITS.stale_after + 1_000)
    server.turn()
    status = follower_status(world, follower)
    whole = server.view.board.status(world.now)
    assert (status.view, status.state, status.reason) == (PART, "stale", whole.reason)


def test_a_gap_in_the_view_is_one_in_its_parts() -> None:
    world, _ = live_world(0)
    change(world, ("a", 1))
    follower = follow(world, PART)
    world.engine.change(world.engine.epoch, ("a", "lost"), 1)
    world.pass_time(LIMITS.gap_patience)
    world.pipelines = [world.start_pipeline()]
    change(world, ("a", 1))
    settle(world)
    settle(world)
    assert follower.state.rows == {("a", "1"): 2, ("a", "lost"): 1}


def test_a_part_that_disagrees_is_repaired_alone() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    change(world, ("a", 1), ("b c", 1))
    here, there = follow(world, PART), follow(world, OTHER)
    generation = part(server, OTHER).history.generation
    server.ask(is_base=True, view=PART)
    asked = server.asked.pop()
    base = make_base(
        world.engine, world.engine.epoch, world.engine.time, asked.question, world.now, PART
    )
    wrong = ReadBase(base.upper, 1, base.message, base.asked, base.read_at, columns=base.columns)
    server.hub.questions.take_answer(
        PART, EngineAnswer(asked.question, world.engine.epoch, world.now, wrong)
    )
    assert part(server).history.mismatches == 1
    assert part(server).history.head == server.view.history.head + 1
    assert part(server, OTHER).history.generation == generation
    change(world, ("a", 1))
    change(world, ("a", 1))
    settle(world)
    settle(world)
    assert here.state.rows == {("a", "1"): 3}
    assert there.state.rows == {("b c", "1"): 1}


def test_one_part_is_audited_at_a_time() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    for n in range(LIMITS.max_parts):
        follow(world, f"v[name={n}]")
    world.clock.now += LIMITS.audit_every
    world.engine.time += LIMITS.audit_every
    world.work(server)
    wanted = []
    for _ in range(LIMITS.max_parts + 2):
        change(world, ("x", 1))
        server.hub.on_tick(world.now)
        wanted.append(
            [name for name in server.open_parts() if server.hub.questions.wants_base(name)]
        )
        settle(world)
    assert [len(names) for names in wanted] == [1] * LIMITS.max_parts + [0, 0]
    assert {name for names in wanted for name in names} == server.open_parts()


def test_a_value_that_the_column_cannot_have_is_refused() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    assert server.hub.open_parts([parse_view(PART)], world.now)
    client = FakeClient(server, view=PART)
    server.hub.add_client(client, {PART: None, VIEW: None})
    server.turn()
    assert server.hub.questions.wants_base(PART)
    server.hub.questions.refuse_part(PART, "'a' is no value")
    assert not server.hub.questions.wants_base(PART)
    statuses = [decode(text) for text in client.reader.messages()]
    assert Status(PART, "refused", "'a' is no value") in statuses
    assert client.listeners.keys() == {VIEW}
    assert server.hub.part_problem(parse_view(PART)) == "'a' is no value"


def test_a_client_of_another_epoch_has_the_engine_asked() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    assert server.hub.open_parts([parse_view(PART)], world.now)
    client = FakeClient(server, view=PART)
    server.hub.add_client(client, {PART: Position("1606000000000-u0", 5)})
    server.turn()
    assert server.hub.questions.wants_epoch(VIEW)
    world.ask_now(server, is_base=False)
    settle(world)
    (base,) = (message for message in received(client) if isinstance(message, Base))
    assert base.view == PART


def test_a_client_of_nothing_but_a_refused_part_is_closed() -> None:
    world, _ = live_world(0)
    server = world.servers[0]
    assert server.hub.open_parts([parse_view(PART)], world.now)
    client = FakeClient(server, view=PART)
    server.hub.add_client(client, {PART: None})
    server.turn()
    server.hub.questions.refuse_part(PART, "é" * 200)
    assert client.closed_with == (4404, "é" * 60)
    assert not server.hub.clients
