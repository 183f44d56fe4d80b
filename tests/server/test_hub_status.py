"""The status of a view: which state and reason, from which millisecond on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from server.hub.engine_answer import EngineFailure
from server.hub.post_check import Outcome
from server.hub.status import (
    DOUBT,
    MISSING_PATIENCE,
    NO_BASE,
    NO_PIPELINE,
    RECREATED,
    REPLACED,
    SILENCE,
)
from tests.server.hub_scenes import client_of, connect, fail_epoch, let_end, live_world, statuses
from tests.server.simulated import LIMITS, VIEW, Server
from tests.server.world import World
from viewstream.protocol import MAX_TIME, Delta, Status

STALE_AFTER = LIMITS.stale_after


def status(world: World, after: int = 0) -> tuple[str, str]:
    """State and reason, so many milliseconds from now."""
    found = world.servers[0].view.board.status(world.now + after)
    return found.state, found.reason


def repeat_post(world: World, server: Server) -> None:
    """A pipeline posts that nothing has changed."""
    head = server.view.history.head
    assert world.repost(server, world.engine.epoch, 0, head, head) is Outcome.HAD


def test_without_a_pipeline() -> None:
    world = World()
    assert status(world) == ("stale", NO_PIPELINE)
    world.ask_now(world.servers[0], is_base=True)
    assert status(world) == ("stale", NO_PIPELINE)


def test_a_view_that_was_recreated_has_no_pipeline_yet() -> None:
    world, _ = live_world()
    assert status(world) == ("live", "")
    world.engine.replace([])
    world.ask_now(world.servers[0], is_base=False)
    patience = LIMITS.recreate_patience
    assert status(world, patience - 1) == ("waiting", REPLACED)
    assert status(world, patience) == ("stale", RECREATED)


def miss(world: World, *, is_base: bool = False) -> None:
    """The engine answers that there is no such view."""
    server = world.servers[0]
    server.ask(is_base=is_base)
    asked = server.asked.pop()
    reason = "unknown view 'v'"
    failure = EngineFailure(reason, world.now, asked.is_base, is_missing=True)
    server.hub.questions.take_failure(VIEW, failure)


@pytest.mark.parametrize("is_base", [False, True])
def test_a_view_that_was_dropped_is_stale_after_a_moment(is_base: bool) -> None:
    world, _ = live_world()
    miss(world, is_base=is_base)
    assert status(world, MISSING_PATIENCE - 1) == ("live", "")
    report = world.servers[0].hub.report
    assert report(VIEW, world.now + MISSING_PATIENCE - 1).problem is None
    assert report(VIEW, world.now + MISSING_PATIENCE).problem == "unknown view 'v'"
    assert status(world, MISSING_PATIENCE) == ("stale", "unknown view 'v'")
    world.ask_now(world.servers[0], is_base=is_base)
    assert status(world, MISSING_PATIENCE) == ("live", "")


def test_a_view_that_is_missing_is_asked_for_again_at_once_and_then_as_others() -> None:
    world, _ = live_world()
    server = world.servers[0]
    miss(world)
    world.pass_time(1_000)
    assert server.hub.questions.wants_epoch(VIEW)
    world.pass_time(MISSING_PATIENCE)
    miss(world)
    world.pass_time(1_000)
    assert not server.hub.questions.wants_epoch(VIEW)


def test_a_page_is_never_shown_a_failure_of_a_view_that_is_edited() -> None:
    world, (follower,) = live_world()
    server, client = world.servers[0], client_of(follower)
    world.read(follower)
    miss(world)
    world.pass_time(1_000)
    server.turn()
    late = connect(server)
    server.turn()
    world.engine.replace([("new", "1")])
    world.ask_now(server, is_base=False)
    for _ in range(3):
        world.pass_time(1_000)
        server.turn()
        world.work(server)
    shown = [one for one in world.read(follower) if isinstance(one, Status)]
    assert {(one.state, one.reason) for one in shown} == {
        ("live", ""),
        ("waiting", "the view is being read"),
    }
    assert list(follower.state.list_rows()) == [("new", "1")]
    assert "unknown view" not in str(statuses(late))
    assert client.closed_with is None


def test_a_pipeline_that_is_silent() -> None:
    world, _ = live_world()
    assert status(world, SILENCE - 1) == ("live", "")
    assert status(world, SILENCE) == ("live", "nothing was posted for 7.5 s")
    assert status(world, STALE_AFTER - 1) == ("live", "nothing was posted for 7.5 s")
    assert status(world, STALE_AFTER) == ("stale", "nothing was posted for 15 s")
    world.clock.now += 5_000
    world.engine.time += 5_000
    world.work(world.servers[0])
    assert status(world, SILENCE - 1) == ("live", "")


def test_a_head_that_stands_still_though_its_pipeline_posts() -> None:
    """A real v0.26.0 whose file does not grow after a restart: its TAIL repeats one time."""
    world, _ = live_world()
    server = world.servers[0]
    moved_at, head = world.now, server.view.history.head
    since = datetime.fromtimestamp(head // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    reason = f"the engine's time stands still since {since}"
    while world.now < moved_at + STALE_AFTER:
        left = moved_at + STALE_AFTER - world.now
        assert status(world)[0] == "live"
        if left <= STALE_AFTER - SILENCE:
            assert status(world) == ("live", reason)
        world.clock.now += min(1_000, left)
        repeat_post(world, server)
        world.ask_now(server, is_base=True)  # a SELECT has the same time
    assert status(world) == ("stale", reason)
    assert server.hub.report(VIEW, world.now).problem == reason
    world.engine.time += 1
    world.work(server)
    assert status(world) == ("live", "")


def test_a_view_that_has_ended_may_stand_still() -> None:
    world, _ = live_world()
    server = world.servers[0]
    head = server.view.history.head
    let_end(world)
    delta = Delta(VIEW, world.engine.epoch, head, MAX_TIME, [])
    server.hub.take_delta(delta, world.now, server.hub.questions.last(VIEW))
    assert status(world, 10 * STALE_AFTER) == ("live", "")


def test_a_time_without_a_date_is_shown_as_a_number() -> None:
    world, _ = live_world()
    server = world.servers[0]
    head = server.view.history.head
    server.view.history.check.note_time(MAX_TIME - 1, 0, world.now)
    delta = Delta(VIEW, world.engine.epoch, head, MAX_TIME - 1, [])
    server.hub.take_delta(delta, world.now, server.hub.questions.last(VIEW))
    world.clock.now += STALE_AFTER - 1
    delta = Delta(VIEW, world.engine.epoch, MAX_TIME - 1, MAX_TIME - 1, [])
    server.hub.take_delta(delta, world.now, server.hub.questions.last(VIEW))
    assert status(world, 1)[1] == f"the engine's time stands still since {MAX_TIME - 1}"


def test_an_engine_that_does_not_answer_though_its_pipeline_goes_on() -> None:
    world, _ = live_world()
    server = world.servers[0]
    fail_epoch(world, "the first reason")
    first = world.now
    for _ in range(3):
        world.clock.now += 4_000
        repeat_post(world, server)
        fail_epoch(world, "the last reason")
    left = STALE_AFTER - (world.now - first)
    assert status(world) == ("live", "the last reason"), "pages are sent it at once"
    assert status(world, left - 1) == ("live", "the last reason")
    assert status(world, left) == ("stale", "the last reason")
    world.engine.time += 1
    world.work(server)
    assert status(world) == ("live", "")
    fail_epoch(world)
    assert status(world, STALE_AFTER - 1)[0] == "live", "the time begins again"


def test_a_silent_pipeline_is_explained_by_the_engine() -> None:
    world, _ = live_world()
    world.clock.now += STALE_AFTER
    fail_epoch(world)
    assert status(world) == ("stale", "it is away")


def test_a_base_that_cannot_be_read_is_a_problem_but_does_not_make_deltas_stale() -> None:
    world, _ = live_world()
    server = world.servers[0]
    server.ask(is_base=True)
    world.fail(server, server.asked[-1], "too large")
    assert status(world) == ("live", "too large")
    report = server.hub.report(VIEW, world.now)
    assert (report.problem, report.failure) == ("too large", "too large")
    world.ask_now(server, is_base=False)
    assert server.hub.report(VIEW, world.now).failure == "too large", "still not read"
    world.ask_now(server, is_base=True)
    assert server.hub.report(VIEW, world.now).problem is None


def test_posts_that_stay_behind_the_engine() -> None:
    world, _ = live_world()
    server = world.servers[0]
    world.engine.time += 10
    world.ask_now(server, is_base=True)
    begun = world.now
    world.clock.now += 5_000
    repeat_post(world, server)
    world.engine.time += 10
    world.ask_now(server, is_base=True)  # a later base does not begin the time again
    left = STALE_AFTER - (world.now - begun)
    assert status(world, left - 1)[0] == "live"
    assert status(world, left)[1] == "what is posted has been behind the engine for 15 s"
    pipeline = world.pipelines[-1]
    assert world.post(server, pipeline, 0, 9) is Outcome.TAKEN
    world.clock.now += 100
    assert status(world, left)[0] == "stale"
    assert world.post(server, pipeline, 0, 1) is Outcome.TAKEN
    assert status(world, SILENCE - 1) == ("live", "")


def test_a_base_at_the_head_is_not_ahead() -> None:
    world, _ = live_world()
    world.ask_now(world.servers[0], is_base=True)
    assert world.servers[0].view.history.engine_ahead is None


def unready(world: World, after: int = 0) -> list[str]:
    return world.servers[0].hub.unready_reasons(VIEW, world.now + after)


def test_a_view_is_ready_when_bases_can_be_read_and_deltas_are_fresh() -> None:
    world = World()
    server = world.servers[0]
    assert unready(world) == [NO_BASE, NO_PIPELINE]
    world.ask_now(server, is_base=True)
    assert unready(world) == [NO_PIPELINE]
    world.work(server)
    assert unready(world) == []
    assert unready(world, STALE_AFTER) == ["nothing was posted for 15 s"]
    server.ask(is_base=True)
    world.fail(server, server.asked[-1], "too large")
    assert unready(world) == ["too large"]
    world.ask_now(server, is_base=True)
    fail_epoch(world)
    assert unready(world) == ["it is away"]
    assert unready(world, STALE_AFTER) == ["it is away"]


def test_a_view_that_is_edited_stays_ready() -> None:
    world, _ = live_world()
    miss(world)
    assert unready(world) == []
    assert unready(world, MISSING_PATIENCE) == ["unknown view 'v'"]
    world.engine.replace([])
    world.ask_now(world.servers[0], is_base=False)
    assert unready(world) == []
    assert unready(world, LIMITS.recreate_patience) == [RECREATED]


def test_the_report_names_the_first_problem() -> None:
    world, _ = live_world()
    server = world.servers[0]
    assert server.hub.report(VIEW, world.now + STALE_AFTER).problem == "nothing was posted for 15 s"
    server.view.history.audit.is_in_doubt = True
    assert status(world) == ("live", DOUBT)
    assert server.hub.report(VIEW, world.now + STALE_AFTER).problem == DOUBT
    fail_epoch(world)
    assert server.hub.report(VIEW, world.now + STALE_AFTER).problem == "it is away"
