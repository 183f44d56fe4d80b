"""Bounds on what the hub costs: reads of the view, bases, bytes sent and kept."""

from __future__ import annotations

import pytest

from server.framing import MAX_JOINED, Message
from server.hub.audit import FIRST_PAUSE
from server.hub.base_or_delta import BaseOrDelta, Choice
from server.hub.engine_answer import EngineAnswer, ReadBase
from server.hub.folding import FoldCache
from tests.server.hub_scenes import connect, last_base, let_end, live_world, post_rows, received
from tests.server.simulated import LIMITS, VIEW
from tests.server.world import World
from viewstream.protocol import MAX_TIME, Base, Delta, Position, Status, decode


def test_clients_that_arrive_together_share_one_read() -> None:
    world, _ = live_world()
    server = world.servers[0]
    reads = server.questions[True]
    clients = [connect(server) for _ in range(20)]
    server.turn()
    assert [len(received(client)) for client in clients] == [1] * 20
    for _ in range(5):
        post_rows(world, "a row that makes the last base worth little " * 2)
    late = [connect(server) for _ in range(20)]
    server.turn()
    assert server.hub.questions.wants_base(VIEW)
    world.ask_now(server, is_base=True)
    server.turn()
    assert not server.hub.questions.wants_base(VIEW)
    assert server.questions[True] == reads + 1
    assert all(isinstance(received(client)[0], Base) for client in late)


def test_a_client_that_arrives_gets_everything_in_one_write() -> None:
    world, _ = live_world()
    server = world.servers[0]
    post_rows(world, "after the base")
    server.turn()
    new, back = connect(server), connect(server, Position(world.engine.epoch, 1_000))
    server.turn()
    assert [type(decode(text)) for text in new.reader.messages()] == [Base, Status, Delta]
    assert [type(decode(text)) for text in back.reader.messages()] == [Delta, Status]
    assert [new.writes, back.writes] == [1, 1]


def test_a_large_base_is_not_copied_to_be_sent_with_the_rest() -> None:
    world, _ = live_world()
    server = world.servers[0]
    world.engine.change(world.engine.epoch, ("x" * MAX_JOINED, "1"), 1)
    world.engine.time += 1
    world.ask_now(server, is_base=True)
    world.work(server)
    post_rows(world, "after the base")
    server.turn()
    client = connect(server)
    server.turn()
    assert [type(decode(text)) for text in client.reader.messages()] == [Base, Status, Delta]
    assert client.writes == 2


@pytest.mark.parametrize("size", [1, 20])
def test_a_base_is_sent_again_while_little_has_come_since(size: int) -> None:
    """Little: at most `base_reuse_bytes`, or half of the base."""
    world, _ = live_world()
    server = world.servers[0]
    for n in range(size):
        world.engine.change(world.engine.epoch, (f"of the view {n}", "1"), 1)
    world.engine.time += 1
    world.work(server)
    world.ask_now(server, is_base=True)
    bound = max(LIMITS.base_reuse_bytes, last_base(server).message.size // 2)
    log = server.view.history.log
    assert log is not None
    upper = last_base(server).upper
    while log.size_since(upper) <= bound:
        client = connect(server)
        server.turn()
        assert isinstance(received(client)[0], Base)
        assert not server.hub.questions.wants_base(VIEW)
        post_rows(world, "row")
        server.turn()
    connect(server)
    server.turn()
    assert server.hub.questions.wants_base(VIEW)


def make_read_base(size: int, upper: int = 1_050, asked: int = 9) -> ReadBase:
    return ReadBase(upper, 0, Message(b"x" * size), asked, 0)


@pytest.mark.parametrize(
    ("base", "folded", "rest", "expected"),
    [
        (make_read_base(100), 151, 50, Choice.BASE),
        (make_read_base(100), 150, 50, Choice.DELTA),
        (make_read_base(100), 50, 0, Choice.DELTA),
        (None, LIMITS.fold_at_once, 0, Choice.DELTA),
        (None, LIMITS.fold_at_once + 1, 0, Choice.BASE),
    ],
)
def test_the_answer_with_fewer_bytes_is_chosen(
    base: ReadBase | None, folded: int, rest: int, expected: Choice
) -> None:
    world, _ = live_world()
    decide = BaseOrDelta(world.servers[0].view.history, LIMITS)
    assert decide.after_folding(base, folded, rest, is_failing=False) is expected
    if base is None:
        expected = Choice.DELTA  # none can be read
    assert decide.after_folding(base, folded, rest, is_failing=True) is expected


@pytest.mark.parametrize("name", ["x", "x" * 40, "x" * 90])
def test_a_client_that_comes_back_is_sent_the_fewest_bytes(name: str) -> None:
    """Whatever is chosen, base and rest or folded delta: the other would not have been smaller."""
    world, _ = live_world()
    server = world.servers[0]
    for letter in "abc":
        post_rows(world, letter * 30, name)
    for letter in "abc":
        world.engine.change(world.engine.epoch, (letter * 30, "1"), -1)
    post_rows(world)
    world.ask_now(server, is_base=True)
    start, upper = 1_001, last_base(server).upper
    post_rows(world, "a", "b")
    history = server.view.history
    delta, rest = history.delta_since(start).size, history.delta_since(upper).size
    smallest = min(delta, last_base(server).message.size + rest)
    client = connect(server, Position(world.engine.epoch, start))
    server.turn()
    sent = [text for text in client.reader.messages() if b'"status"' not in text]
    assert sum(map(len, sent)) == smallest


def test_a_base_is_read_for_the_audit_though_no_client_needs_one() -> None:
    """Every minute while deltas come, once when the head stands still, never without a pipeline."""
    world, (follower,) = live_world()
    server = world.servers[0]
    world.disconnect(follower)
    reads = []
    for second in range(400):
        world.clock.now += 1000
        if second < 150:
            post_rows(world)
        server.hub.on_tick(world.now)
        if server.hub.questions.wants_base(VIEW):
            reads.append(second)
            world.ask_now(server, is_base=True)
    assert reads == [59, 119, 154]


def test_a_view_that_has_ended_is_audited_once_a_minute() -> None:
    world, _ = live_world()
    server = world.servers[0]
    let_end(world)
    server.hub.take_delta(Delta(VIEW, world.engine.epoch, 1_000, MAX_TIME, []), world.now, 0)
    reads = []
    for second in range(200):
        world.clock.now += 1_000
        server.hub.on_tick(world.now)
        if server.hub.questions.wants_base(VIEW):
            reads.append(second)
            let_end(world)
    assert reads == [4, 64, 124, 184]


def test_doubt_ends_with_the_next_base_that_agrees() -> None:
    """Deltas carry checksums again, and the view is not read for ever."""
    world, _ = live_world()
    server, audit = world.servers[0], world.servers[0].view.history.audit
    pipeline = world.pipelines[-1]
    epoch = world.engine.epoch

    def lose_a_row() -> None:
        """A change that the TAIL left out, undone in the engine later."""
        world.engine.histories[epoch].append((world.engine.time, 1, ("lost", "1")))
        world.engine.time += 1
        server.hub.take_delta(
            Delta(VIEW, epoch, pipeline.posted, world.engine.time, []), world.now, 0
        )
        pipeline.posted = world.engine.time

    lose_a_row()
    world.ask_now(server, is_base=True)
    assert not audit.is_in_doubt, "the first time, the log restarts at once"
    assert server.hub.report(VIEW, world.now).audit_mismatches == 1
    log = server.view.history.log
    assert log is not None
    assert log.lower == log.head == pipeline.posted + 1, "above everything that was wrong"
    world.engine.time += 2
    world.work(server)
    world.ask_now(server, is_base=True)
    assert audit.checksum is not None
    world.clock.now += 1_000
    lose_a_row()
    world.ask_now(server, is_base=True)
    assert audit.is_in_doubt, "so soon after a repair, the log does not restart"
    assert audit.checksum is None
    assert server.hub.report(VIEW, world.now).problem is not None
    world.clock.now += 1_000
    server.hub.on_tick(world.now)
    assert not server.hub.questions.wants_base(VIEW), "not before a repair is due"
    server.hub.on_tick(world.now + FIRST_PAUSE)
    assert server.hub.questions.wants_base(VIEW), "a repair is due"
    world.engine.histories[epoch].pop()
    world.ask_now(server, is_base=True)
    assert not audit.is_in_doubt
    assert audit.checksum is not None
    assert server.hub.report(VIEW, world.now).audit_mismatches == 2


def test_a_new_epoch_is_not_compared_with_the_last_one() -> None:
    world, _ = live_world()
    server = world.servers[0]
    post_rows(world, "a", "b")
    world.engine.replace([("new", "1")])
    world.work(server)
    for _ in range(3):
        world.engine.time += 1
        world.work(server)
        world.ask_now(server, is_base=True)
    assert server.view.history.audit.checksum is not None
    assert server.hub.report(VIEW, world.now).audit_mismatches == 0


def test_a_base_of_the_last_epoch_is_not_compared_with_the_new_log() -> None:
    """It was ahead of the old log; the new one reaches its time with other rows."""
    world, _ = live_world()
    server = world.servers[0]
    world.engine.time += 10
    world.ask_now(server, is_base=True)
    world.engine.replace([("new", "1")])
    world.ask_now(server, is_base=False)
    epoch = world.engine.epoch
    world.repost(server, epoch, 0, 1_001, world.engine.time + 5)
    assert server.view.history.audit.checksum is None, "no base of this epoch was read"
    world.engine.time += 5
    world.ask_now(server, is_base=True)
    world.ask_now(server, is_base=True)
    assert server.hub.report(VIEW, world.now).audit_mismatches == 0


def test_rows_without_a_log_are_those_of_a_recent_base() -> None:
    world = World()
    server = world.servers[0]
    asked = server.hub.questions.last(VIEW)
    assert server.hub.snapshot(VIEW, asked, world.now) is None
    world.ask_now(server, is_base=True)
    asked = server.hub.questions.last(VIEW)
    snapshot = server.hub.snapshot(VIEW, asked, world.now)
    assert snapshot is not None
    assert snapshot.upper == world.engine.time
    assert not server.hub.questions.wants_base(VIEW)
    assert server.hub.snapshot(VIEW, asked, world.now + 1_001) is None
    assert server.hub.questions.wants_base(VIEW)


def test_rows_need_a_base_that_can_be_brought_to_the_head() -> None:
    world, _ = live_world()
    server = world.servers[0]

    def has_rows() -> bool:
        asked = server.hub.questions.last(VIEW)
        return server.hub.snapshot(VIEW, asked, world.now) is not None

    assert has_rows()
    server.ask(is_base=True)
    world.fail(server, server.asked[-1])  # so that any base would do
    post_rows(world, "x" * LIMITS.fold_at_once)
    assert not has_rows(), "so much is not folded at once"
    history = server.view.history
    history.base = make_read_base(10, upper=history.head)
    assert has_rows()
    history.base = make_read_base(10, upper=999)
    assert not has_rows(), "the log does not reach down to it"


def test_a_view_that_has_ended_is_not_restarted() -> None:
    """No time is left above it for another log."""
    world, _ = live_world()
    server = world.servers[0]
    let_end(world)
    server.hub.take_delta(Delta(VIEW, world.engine.epoch, 1_000, MAX_TIME, []), world.now, 0)
    server.ask(is_base=True)
    asked = server.asked.pop()
    message = Message(b"{}")
    base = ReadBase(MAX_TIME, 5, message, asked.question.number, world.now)
    server.hub.questions.take_answer(
        VIEW, EngineAnswer(asked.question, world.engine.epoch, world.now, base)
    )
    report = server.hub.report(VIEW, world.now)
    assert (report.audit_mismatches, report.lower, report.head) == (1, 1_000, MAX_TIME)


def test_rows_of_a_base_above_the_head_are_at_its_own_time() -> None:
    world, _ = live_world()
    server = world.servers[0]
    world.engine.change(world.engine.epoch, ("ahead", "1"), 1)
    world.engine.time += 1
    world.ask_now(server, is_base=True)
    snapshot = server.hub.snapshot(VIEW, server.hub.questions.last(VIEW), world.now)
    assert snapshot is not None
    assert (snapshot.upper, snapshot.delta) == (1001, None)
    world.check_snapshot(server)
    post_rows(world, "later")
    snapshot = server.hub.snapshot(VIEW, server.hub.questions.last(VIEW), world.now)
    assert snapshot is not None
    assert (snapshot.upper, snapshot.delta) == (1001, None), "the base has it already"


def test_the_fold_cache_is_bounded_and_keeps_what_was_used_last() -> None:
    folds = FoldCache(1000)
    for frontier in range(100):
        folds.put(frontier, Message(b"x" * 300))
        assert folds.size <= 1000
        assert folds.get(0) is not None, "it is used each time"
    assert folds.get(98) is not None
    assert folds.get(50) is None
    exact = FoldCache(600)
    exact.put(1, Message(b"x" * 300))
    exact.put(2, Message(b"x" * 300))
    assert exact.size == 600, "the bound itself is allowed"
    folds.put(100, Message(b"x" * 5000))
    assert folds.get(100) is not None, "the only one stays, for clients that share it"
    assert folds.size == 5000
    folds.clear()
    assert folds.size == 0
    assert folds.get(100) is None


def test_many_clients_that_come_back_at_different_frontiers_leave_little_behind() -> None:
    world, _ = live_world()
    server = world.servers[0]
    for name in "abcd":
        post_rows(world, name * 10)
    history = server.view.history
    for frontier in [*range(history.head - 4, history.head), *range(history.head + 1, 1_060)]:
        connect(server, Position(world.engine.epoch, frontier))
        server.turn()
    assert 0 < history.folded.cache.size <= LIMITS.fold_cache_bytes
    assert history.folded.cache.get(history.head + 1) is None, "an answer that costs nothing"
    assert history.folded.cache.get(history.head - 1) is not None
