"""Single rules of the hub: which base, which epoch, which gap; each in a few lines."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.framing import Encoding
from server.hub.engine_answer import EngineAnswer
from server.hub.epochs import Epochs, Question, Verdict
from server.hub.listener import Client
from server.hub.post_check import Outcome
from tests.server.hub_scenes import (
    client_of,
    connect,
    far_behind,
    last_base,
    live_world,
    post_rows,
    received,
    statuses,
)
from tests.server.simulated import LIMITS, VIEW
from tests.server.world import World
from viewstream.protocol import Base, Delta, Position

# --- gaps and epochs -------------------------------------------------------------------------


def test_a_second_pipeline_that_begins_higher_waits_for_the_first() -> None:
    """The gap may yet be closed, also when the log has only just begun and is still empty."""
    world = World()
    server = world.servers[0]
    world.ask_now(server, is_base=False)
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


def test_a_changed_epoch_is_settled_by_the_answer_that_brought_it() -> None:
    """The first POST after a change waits for one question, not for the next one too."""
    world, _ = live_world()
    server = world.servers[0]
    world.engine.replace([("other", "1")])
    asked = server.hub.questions.last(VIEW)
    world.ask_now(server, is_base=False)
    assert server.hub.questions.is_settled(VIEW, asked)
    assert not server.hub.questions.is_settled(VIEW, server.hub.questions.last(VIEW))
    old = world.pipelines[0]
    assert world.repost(server, old.epoch, asked, old.posted, old.posted) is Outcome.ENDED


def test_a_wish_for_the_epoch_ends_with_the_question_for_it() -> None:
    """A question for a base takes long: it is no substitute."""
    world, _ = live_world()
    hub = world.servers[0].hub
    hub.questions.request_epoch(VIEW)
    hub.questions.ask(VIEW, for_base=True)
    assert hub.questions.wants_epoch(VIEW)
    hub.questions.ask(VIEW, for_base=False)
    assert not hub.questions.wants_epoch(VIEW)


def test_a_late_answer_settles_nothing() -> None:
    world, _ = live_world()
    server = world.servers[0]
    server.ask(is_base=False)
    late = server.asked[-1]
    world.make_answer(late)
    world.engine.replace([])
    world.ask_now(server, is_base=False)
    settled = server.view.history.epochs.settled
    server.asked.remove(late)
    assert late.answer is not None
    assert not server.hub.questions.take_answer(
        VIEW, EngineAnswer(late.question, late.answer[0], world.now)
    )
    assert server.view.history.epochs.settled == settled
    assert server.view.history.epochs.current == world.engine.epoch


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3))))
def test_epochs_never_go_back(moves: list[tuple[bool, int, int]]) -> None:
    """An epoch that has ended does not come again, in whatever order answers arrive."""
    epochs, engine = Epochs(), 0
    on_the_way: list[tuple[Question, int]] = []
    highest = -1
    for is_ask, which, step in moves:
        if is_ask or not on_the_way:
            on_the_way.append((epochs.ask(), engine))
            engine += step // 2
            continue
        question, answer = on_the_way.pop(which % len(on_the_way))
        verdict = epochs.settle(question, f"1-u{answer}")
        now = int(str(epochs.current).removeprefix("1-u"))
        assert now >= highest
        if verdict is Verdict.LATE:
            assert answer != highest
        else:
            assert answer >= highest
            assert epochs.settled >= question.number
        highest = now
    assert epochs.settle(epochs.ask(), f"1-u{engine}") is not Verdict.LATE
    assert epochs.current == f"1-u{engine}"
    assert epochs.settled == epochs.asked


def test_a_client_with_another_epoch_gets_only_a_base_that_was_asked_for_later() -> None:
    world, _ = live_world()
    server = world.servers[0]
    early = server.hub.questions.last(VIEW)
    stranger = connect(server, Position("1606000000000-u9", 5))
    server.turn()
    assert received(stranger) == []
    assert server.hub.questions.wants_epoch(VIEW)
    world.ask_now(server, is_base=False)
    server.turn()
    assert received(stranger) == [], "the epoch is settled, but the last base is an old one"
    world.ask_now(server, is_base=True)
    server.turn()
    (base,) = received(stranger)
    assert isinstance(base, Base)
    assert last_base(server).asked > early


# --- bases and deltas ------------------------------------------------------------------------


def test_several_deltas_of_one_turn_go_out_in_one_write() -> None:
    world, (follower,) = live_world()
    client = client_of(follower)
    writes = client.writes
    for name in "abc":
        post_rows(world, name)
    world.servers[0].turn()
    assert client.writes == writes + 1
    assert [message.upper for message in received(client)] == [1001, 1002, 1003]


def test_a_client_is_never_sent_a_base_below_the_frontier_at_which_it_resumed() -> None:
    world, (follower,) = live_world()
    server = world.servers[0]
    base = last_base(server)
    for n in range(30):
        post_rows(world, f"a row that makes the log larger than the base {n}")
    server.turn()
    world.read(follower)
    world.engine.time += 1
    world.connect(server, follower)
    server.turn()
    (answer,) = received(client_of(follower))
    assert isinstance(answer, Delta)
    assert answer.lower == answer.upper == base.upper + 30


def test_while_the_view_cannot_be_read_a_client_gets_the_last_base_once() -> None:
    """More has come since than is folded otherwise: there is nothing better."""
    world, _ = live_world()
    server = world.servers[0]
    world.engine.is_readable = False
    for n in range(5):
        post_rows(world, f"a row that makes the log larger than the base {n}")
    world.ask_now(server, is_base=True)
    late = connect(server)
    server.turn()
    base, delta = received(late)
    assert isinstance(base, Base)
    assert isinstance(delta, Delta)
    assert delta.lower == base.upper
    assert delta.upper == world.engine.time
    assert len(delta.updates) == 5


def test_a_long_log_of_which_little_is_left_is_fewer_bytes_than_a_base() -> None:
    world, (follower, _) = far_behind()
    server = world.servers[0]
    world.connect(server, follower)
    turns = 0
    while server.admit():
        turns += 1
    server.turn()
    (delta,) = received(client_of(follower))
    assert isinstance(delta, Delta)
    assert delta.upper == server.view.history.head
    assert delta.updates == []
    assert turns > 1, "so much is not folded in one step"
    server.hub.on_tick(world.now)
    assert server.view.history.folded.unfinished is None, "nothing of it is kept"


def test_a_client_that_leaves_during_a_long_fold_delays_no_other() -> None:
    world, (follower, other) = far_behind()
    server = world.servers[0]
    world.connect(server, follower)
    server.admit()
    assert server.view.history.folded.unfinished is not None
    world.disconnect(follower)
    world.connect(server, other)
    server.turn()
    assert isinstance(received(client_of(other))[0], Delta)


# --- failures and leaving --------------------------------------------------------------------


def test_each_new_reason_for_a_failure_reaches_the_clients_that_wait() -> None:
    world = World()
    server = world.servers[0]
    client = connect(server)
    server.turn()
    for reason in ["it is away", "it is away", "it is not ready"]:
        server.ask(is_base=True)
        world.fail(server, server.asked[-1], reason)
        server.turn()
    assert [status.reason for status in statuses(client)] == ["it is away", "it is not ready"]
    world.ask_now(server, is_base=True)
    server.turn()
    assert isinstance(received(client)[0], Base)
    assert server.hub.report(VIEW, world.now).failure is None


def test_a_failed_read_sends_the_log_to_a_client_that_waits_for_a_smaller_base() -> None:
    """Also if it is not the first failure."""
    world, (follower,) = live_world()
    server = world.servers[0]
    post_rows(world, "a row above the last base")
    server.turn()
    world.read(follower)
    world.disconnect(follower)
    for n in range(5):
        post_rows(world, f"a row that makes the log larger than the base {n}")
    world.connect(server, follower)
    server.turn()
    assert received(client_of(follower)) == [], "it waits for a base that may be smaller"
    server.ask(is_base=True)
    world.fail(server, server.asked[-1])
    server.turn()
    (delta,) = received(client_of(follower))
    assert isinstance(delta, Delta)
    assert len(delta.updates) == 5


class Everything:
    """A sender that takes everything."""

    def send(self, data: bytes) -> int:
        return len(data)


class Socket(Client):
    """A client that takes everything, for weak references."""

    __slots__ = ("__weakref__",)

    def __init__(self) -> None:
        super().__init__(Everything(), Encoding.FRAMES)

    def keep_rest(self, data: bytes, sent: int) -> bool:
        raise AssertionError("all of it was taken")

    def close(self, code: int, reason: str) -> None:
        raise AssertionError("it need not be closed")


def test_a_client_that_left_is_freed_without_the_cyclic_gc() -> None:
    world, _ = live_world()
    server = world.servers[0]
    gc.disable()
    try:
        client = Socket()
        gone = weakref.ref(client)
        server.hub.add_client(client, {VIEW: None})
        server.turn()
        assert client.listeners[VIEW].is_live
        server.hub.remove_client(client)
        del client
        assert gone() is None
    finally:
        gc.enable()


def test_a_client_that_leaves_while_it_is_queued_is_not_served() -> None:
    world, _ = live_world()
    server = world.servers[0]
    client = connect(server)
    server.hub.remove_client(client)
    server.turn()
    assert received(client) == []
    assert len(server.hub._fanout.queue) == 0


def test_a_base_that_is_wanted_by_nobody_any_more_is_not_read() -> None:
    world, (follower,) = live_world()
    server = world.servers[0]
    world.engine.replace([])
    world.ask_now(server, is_base=False)
    world.pass_time(LIMITS.recreate_patience)
    server.turn()
    assert server.hub.questions.wants_base(VIEW)
    world.disconnect(follower)
    assert not server.hub.questions.wants_base(VIEW)


def test_a_recreated_view_gives_one_base_when_its_pipeline_posts_again() -> None:
    """A base from before the first post would be below the log, and a second one would follow."""
    world, (follower,) = live_world()
    server = world.servers[0]
    client = client_of(follower)
    received(client)
    world.engine.replace([("first", "1")])
    world.ask_now(server, is_base=True)  # read at once: nobody can know when the pipeline comes
    server.turn()
    assert received(client) == []
    world.pass_time(LIMITS.recreate_patience - 1)
    pipeline = world.start_pipeline()
    assert world.post(server, pipeline, 0, 0) is Outcome.HAD
    world.pass_time(1)
    world.ask_now(server, is_base=True)
    server.turn()
    (base,) = received(client)
    assert isinstance(base, Base)
    assert base.upper >= pipeline.posted


def test_a_recreated_view_gives_a_base_without_a_pipeline_after_a_while() -> None:
    world, (follower,) = live_world()
    server = world.servers[0]
    client = client_of(follower)
    received(client)
    world.engine.replace([("first", "1")])
    world.ask_now(server, is_base=False)
    world.pass_time(LIMITS.recreate_patience)
    server.turn()
    world.ask_now(server, is_base=True)
    server.turn()
    assert [type(message) for message in received(client)] == [Base]


def test_a_base_is_still_wanted_while_a_client_waits_or_the_view_fails() -> None:
    world = World()
    server = world.servers[0]
    first, second = connect(server), connect(server)
    server.turn()
    server.hub.remove_client(first)
    assert server.hub.questions.wants_base(VIEW), "another client waits, and none was ever read"
    server.hub.remove_client(second)
    assert server.hub.questions.wants_base(VIEW), "none was ever read"
    world.ask_now(server, is_base=True)
    first, second = connect(server), connect(server)
    world.pass_time(2_000)
    server.turn()
    assert server.hub.questions.wants_base(VIEW), "the base is old, and no log continues it"
    server.hub.remove_client(first)
    assert server.hub.questions.wants_base(VIEW), "another client waits"
    server.ask(is_base=True)
    world.fail(server, server.asked[-1])
    server.hub.remove_client(second)
    assert server.hub.questions.wants_base(VIEW), "to see when it can be read again"


@pytest.mark.parametrize("count", [1, 3])
def test_a_report_says_how_the_view_is(count: int) -> None:
    world, _ = live_world(count)
    post_rows(world, "a")
    server = world.servers[0]
    report = server.hub.report(VIEW, world.now)
    assert (report.name, report.state, report.problem) == (VIEW, "live", None)
    assert (report.lower, report.head, report.base_upper) == (1000, 1001, 1000)
    assert (report.listeners, report.base_reads) == (count, 1)
    assert report.epoch == world.engine.epoch
    late = server.hub.report(VIEW, world.now + 15_000)
    assert (late.state, late.problem) == ("stale", "nothing was posted for 15 s")
