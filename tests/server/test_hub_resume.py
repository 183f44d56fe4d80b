"""A client that resumes: checked epochs, answers, and the deltas that it gets."""

from __future__ import annotations

from server.hub.engine_answer import EngineAnswer
from server.hub.states import State
from tests.server.hub_scenes import (
    client_of,
    connect,
    far_behind,
    live_world,
    post_rows,
    received,
    statuses,
)
from tests.server.simulated import VIEW, make_base
from tests.server.world import World
from viewstream.protocol import Base, Delta, Position


def test_a_client_that_resumes_before_any_pipeline_is_answered_once() -> None:
    world = World()
    server = world.servers[0]
    world.ask_now(server, is_base=False)
    at = Position(world.engine.epoch, 990)
    client = connect(server, at)
    server.turn()
    (answer,) = received(client)
    assert answer == Delta(VIEW, world.engine.epoch, 990, 990, [])
    assert client.listeners[VIEW].state is State.CATCHING_UP
    assert client.listeners[VIEW].position == at
    world.ask_now(server, is_base=False)
    server.turn()
    assert received(client) == []
    world.repost(server, world.engine.epoch, 0, 990, 990)
    server.turn()
    assert client.listeners[VIEW].is_live, "the log begins where the client is"


def test_an_answer_is_followed_by_the_status() -> None:
    world, _ = live_world()
    server = world.servers[0]
    world.pass_time(1_000)
    server.turn()
    client = connect(server, Position(world.engine.epoch, 1000))
    server.turn()
    assert [status.state for status in statuses(client)] == ["live"]


def test_an_epoch_that_is_confirmed_later_resumes() -> None:
    """Another server knew it first: the question that was on its way confirms it."""
    world, _ = live_world()
    server = world.servers[0]
    world.engine.replace([("new", "1")])
    client = connect(server, Position(world.engine.epoch, world.engine.time))
    server.turn()
    assert client.listeners[VIEW].state is State.CHECKING_EPOCH
    world.ask_now(server, is_base=False)
    server.turn()
    (answer,) = received(client)
    assert isinstance(answer, Delta), "not a base"
    assert (answer.epoch, answer.lower) == (world.engine.epoch, world.engine.time)


def test_an_epoch_is_denied_only_by_a_question_that_was_asked_after_it_came() -> None:
    world, _ = live_world()
    server = world.servers[0]
    server.ask(is_base=False)
    client = connect(server, Position("1606000000000-u9", 5))
    world.deliver(server, server.asked[-1])
    server.turn()
    assert client.listeners[VIEW].state is State.CHECKING_EPOCH
    world.ask_now(server, is_base=False)
    server.turn()
    assert client.listeners[VIEW].state is State.WAITING_FOR_BASE
    assert client.listeners[VIEW].barrier > 0


def test_an_answer_that_changes_the_epoch_denies_other_epochs_too() -> None:
    """A client with a third epoch does not wait for one more question."""
    world, _ = live_world()
    server = world.servers[0]
    client = connect(server, Position("1606000000000-u9", 5))
    server.turn()
    world.engine.replace([])
    world.ask_now(server, is_base=False)
    assert client.listeners[VIEW].state is State.WAITING_FOR_BASE


def test_a_base_that_does_not_fit_a_client_is_replaced_by_the_log() -> None:
    """It was asked for in time, but its answer is older than what the client has."""
    world, _ = live_world()
    server = world.servers[0]
    post_rows(world, "row")
    world.ask_now(server, is_base=False)
    early = connect(server, Position(world.engine.epoch, 1001))
    for n in range(5):
        post_rows(world, f"a row that makes the log larger than is folded at once {n}")
    server.turn()
    assert early.listeners[VIEW].state is State.WAITING_FOR_BASE
    server.ask(is_base=True)
    asked = server.asked.pop()
    old = make_base(world.engine, world.engine.epoch, 1000, asked.question, world.now)
    server.hub.questions.take_answer(
        VIEW, EngineAnswer(asked.question, world.engine.epoch, world.now, old)
    )
    server.turn()
    (delta,) = received(early)
    assert isinstance(delta, Delta)
    assert (delta.lower, delta.upper) == (1001, 1006)


def test_a_delta_above_the_head_has_no_checksum() -> None:
    """The server does not know the rows there."""
    world, _ = live_world()
    server = world.servers[0]
    assert server.view.history.audit.checksum is not None
    for frontier in (1000, 1003):
        client = connect(server, Position(world.engine.epoch, frontier))
        server.turn()
        (delta,) = received(client)
        assert (delta.checksum is not None) == (frontier == 1000)


def test_a_folded_delta_of_the_last_epoch_is_not_sent_in_the_next() -> None:
    world, (follower,) = live_world()
    server = world.servers[0]
    world.disconnect(follower)
    for name in ("a", "b"):
        post_rows(world, name)
    old = connect(server, Position(world.engine.epoch, 1001))
    server.turn()
    assert len(received(old)) == 1
    world.engine.replace([("new", "1")])
    epoch = world.engine.epoch
    world.engine.histories[epoch] += [(1001, 1, ("c", "1"))]
    world.ask_now(server, is_base=False)
    for lower, upper in [(1000, 1001), (1001, 1002)]:
        world.repost(server, epoch, 0, lower, upper)
    server.turn()
    new = connect(server, Position(epoch, 1001))
    server.turn()
    (delta,) = received(new)
    assert isinstance(delta, Delta)
    assert delta.epoch == epoch
    assert sorted(row for _, _, row in delta.updates) == [("c", "1"), ("new", "1")]


def test_a_fold_of_one_frontier_is_not_sent_at_another() -> None:
    world, (first, _) = far_behind()
    server = world.servers[0]
    world.connect(server, first)
    server.admit()
    folding = server.view.history.folded.unfinished
    assert folding is not None
    post_rows(world, "last")
    head = server.view.history.head
    near = connect(server, Position(world.engine.epoch, head - 1))
    server.turn()
    (delta,) = received(near)
    assert isinstance(delta, Delta)
    assert delta.updates == [(head - 1, 1, ("last", "1"))]
    (whole,) = received(client_of(first))
    assert isinstance(whole, Delta)
    assert whole.updates == [(head - 1, 1, ("last", "1"))]


def test_a_base_that_was_asked_for_after_a_client_came_is_good_enough() -> None:
    """However much the log has grown since: another read would be no newer for long."""
    world, _ = live_world()
    server = world.servers[0]
    post_rows(world, "a row that makes the last base worth nothing " * 6)
    client = connect(server)
    server.turn()
    assert received(client) == []
    server.ask(is_base=True)
    world.make_answer(server.asked[-1])
    for n in range(3):
        post_rows(world, f"and so does this one, while the base is on its way {n} " * 3)
    world.deliver(server, server.asked[-1])
    server.turn()
    assert [type(message) for message in received(client)] == [Base, Delta]
