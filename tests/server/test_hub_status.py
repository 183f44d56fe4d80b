"""The status of a view: which reason, from which millisecond on, and which client is sent what."""

from __future__ import annotations

from server.hub.history import Outcome
from server.hub.status import NO_PIPELINE, RECREATED
from tests.server.hub_scenes import client_of, connect, live_world, post_rows, statuses
from tests.server.simulated import LIMITS, VIEW, Server
from tests.server.world import World
from viewstream.protocol import Status

STALE_AFTER = LIMITS.stale_after


def status(world: World, after: int = 0) -> tuple[str, str]:
    """State and reason, so many milliseconds from now."""
    found = world.servers[0].view.board.status(world.now + after)
    return found.state, found.reason


def fail_epoch(world: World, reason: str = "it is away") -> None:
    server = world.servers[0]
    server.ask(is_base=False)
    world.fail(server, server.asked[-1], reason)


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
    assert status(world) == ("stale", RECREATED)


def test_a_pipeline_that_is_silent() -> None:
    world, _ = live_world()
    assert status(world, STALE_AFTER - 1) == ("live", "")
    assert status(world, STALE_AFTER) == ("stale", "nothing was posted for 15 s")
    world.clock.now += 10_000
    repeat_post(world, world.servers[0])
    assert status(world, STALE_AFTER - 1) == ("live", "")


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
    assert status(world, left - 1) == ("live", "")
    assert status(world, left) == ("stale", "the last reason")
    world.ask_now(server, is_base=False)
    assert status(world, left) == ("live", "")
    fail_epoch(world)
    assert status(world, STALE_AFTER - 1) == ("live", ""), "the time begins again"


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
    assert status(world) == ("live", "")
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
    assert status(world, left - 1) == ("live", "")
    assert status(world, left)[1] == "what is posted has been behind the engine for 15 s"
    pipeline = world.pipelines[-1]
    assert world.post(server, pipeline, 0, 9) is Outcome.TAKEN
    world.clock.now += 100
    assert status(world, left)[0] == "stale"
    assert world.post(server, pipeline, 0, 1) is Outcome.TAKEN
    assert status(world, STALE_AFTER - 1) == ("live", "")


def test_a_base_at_the_head_is_not_ahead() -> None:
    world, _ = live_world()
    world.ask_now(world.servers[0], is_base=True)
    assert world.servers[0].view.history.engine_ahead is None


def test_the_report_names_the_first_problem() -> None:
    world, _ = live_world()
    server = world.servers[0]
    assert server.hub.report(VIEW, world.now + STALE_AFTER).problem == "nothing was posted for 15 s"
    server.view.history.audit.is_in_doubt = True
    doubt = "the rows that the engine answers are not what its TAIL came to"
    assert server.hub.report(VIEW, world.now + STALE_AFTER).problem == doubt
    fail_epoch(world)
    assert server.hub.report(VIEW, world.now + STALE_AFTER).problem == "it is away"


def test_clients_are_sent_the_status_when_it_changes_and_every_few_seconds() -> None:
    world, (follower,) = live_world()
    server, client = world.servers[0], client_of(follower)
    world.read(follower)
    seen: list[tuple[int, str]] = []
    for second in range(1, 25):
        world.pass_time(1_000)
        server.turn()
        seen += [(second, one.state) for one in statuses(client)]
    assert seen == [(1, "live"), (6, "live"), (11, "live"), (15, "stale"), (20, "stale")]


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
