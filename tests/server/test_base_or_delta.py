"""Which bases a listener can use, and when a base is sent and when a delta."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server.framing import Message
from server.hub.base_or_delta import LOGLESS_REUSE, BaseOrDelta, Choice
from server.hub.engine_answer import ReadBase
from server.hub.folding import Fold
from server.hub.listener import Listener
from server.hub.states import State
from tests.server.hub_scenes import (
    client_of,
    connect,
    far_behind,
    live_world,
    post_rows,
    received,
)
from tests.server.simulated import LIMITS, VIEW, FakeClient
from tests.server.world import World
from viewstream.protocol import Delta, Position


def decide_at(
    frontier: int, change: Callable[[World], None] = lambda world: None
) -> tuple[World, BaseOrDelta, Listener]:
    """The decision of a world with a log from 1000 to 1005, for a listener at `frontier`."""
    world, _ = live_world()
    for n in range(5):
        post_rows(world, f"row {n}")
    change(world)
    view = world.servers[0].view
    client = FakeClient(world.servers[0])
    listener = Listener(client, view.feed, Position(world.engine.epoch, frontier))
    return world, BaseOrDelta(view.history, LIMITS), listener


def base_of(size: int, upper: int, asked: int = 1, read_at: int = 0) -> ReadBase:
    return ReadBase(upper, 0, Message(b"x" * size), asked, read_at)


@pytest.mark.parametrize(
    ("upper", "fits"), [(0, False), (1, False), (999, False), (1000, True), (1003, True)]
)
def test_a_base_is_usable_if_the_log_reaches_down_to_it(upper: int, fits: bool) -> None:
    _, decide, _ = decide_at(1000)
    assert decide.is_usable(base_of(10, upper)) is fits


@pytest.mark.parametrize(("upper", "fits"), [(0, False), (1, False), (2, True)])
def test_without_a_log_any_base_is_usable_but_that_of_a_view_just_created(
    upper: int, fits: bool
) -> None:
    world = World()
    decide = BaseOrDelta(world.servers[0].view.history, LIMITS)
    assert decide.is_usable(base_of(10, upper)) is fits


@pytest.mark.parametrize(("frontier", "fits"), [(1002, True), (1003, True), (1004, False)])
def test_a_base_fits_unless_it_is_below_the_client(frontier: int, fits: bool) -> None:
    _, decide, listener = decide_at(frontier)
    assert decide.fits(base_of(10, 1003), listener) is fits
    assert not decide.fits(base_of(10, 999), listener), "the log does not reach down to it"
    listener.epoch = "1-u0"
    assert decide.fits(base_of(10, 1003), listener), "frontiers of two epochs are not compared"
    listener.barrier = 1
    assert not decide.fits(base_of(10, 1003, asked=1), listener)
    assert decide.fits(base_of(10, 1003, asked=2), listener)


def test_without_a_log_a_base_is_sent_again_for_a_second() -> None:
    world = World()
    decide = BaseOrDelta(world.servers[0].view.history, LIMITS)
    base = base_of(10, 1000, asked=1, read_at=500)
    for now, expected in [(500 + LOGLESS_REUSE, True), (501 + LOGLESS_REUSE, False)]:
        assert decide.is_worth_sending(base, 1, now, is_failing=False) is expected
        assert decide.is_worth_sending(base, 0, now, is_failing=False)
        assert decide.is_worth_sending(base, 1, now, is_failing=True)


def test_before_folding_small_logs_and_useless_bases_are_decided() -> None:
    world, decide, listener = decide_at(1003)
    history = world.servers[0].view.history
    assert history.log is not None
    size = history.log.size_since(1003)
    assert size <= LIMITS.fold_at_once
    for base, expected in [
        (base_of(size, 1004), Choice.DELTA),
        (base_of(size - 1, 1004), Choice.FOLD),
        (base_of(1, 1003), Choice.DELTA),  # it would change nothing
        (base_of(1, 1002), Choice.FOLD),  # it does not fit
        (None, Choice.FOLD),
    ]:
        history.base = base
        for is_failing in (False, True):
            assert decide.before_folding(listener, is_failing=is_failing) is expected


def test_a_log_that_is_too_large_to_fold_at_once_asks_for_a_base() -> None:
    def grow(world: World) -> None:
        post_rows(world, "x" * LIMITS.fold_at_once)

    world, decide, listener = decide_at(1002, grow)
    history = world.servers[0].view.history
    history.base = None
    assert decide.before_folding(listener, is_failing=False) is Choice.BASE
    assert decide.before_folding(listener, is_failing=True) is Choice.DELTA
    history.folded.unfinished = Fold(1001)
    assert decide.before_folding(listener, is_failing=False) is Choice.BASE
    history.folded.unfinished = Fold(1002)
    assert decide.before_folding(listener, is_failing=False) is Choice.FOLD


def test_a_second_client_far_behind_gets_a_base_while_the_first_one_is_folded_for() -> None:
    world, (first, second) = far_behind()
    server = world.servers[0]
    world.connect(server, first)
    server.admit()
    folding = server.view.history.folded.unfinished
    assert folding is not None
    assert second.state.position is not None
    other = connect(server, Position(world.engine.epoch, folding.frontier - 1))
    same = connect(server, Position(world.engine.epoch, folding.frontier))
    while server.admit():
        pass
    assert server.view.history.folded.unfinished is folding, "one frontier at a time"
    assert other.listeners[VIEW].state is State.WAITING_FOR_BASE
    for client in (client_of(first), same):
        (delta,) = received(client)
        assert isinstance(delta, Delta)
        assert delta.updates == []
    assert server.hub.questions.wants_base(VIEW)


def test_the_rest_after_a_base_counts_whole_where_it_is_too_much_to_fold() -> None:
    world, _, _ = decide_at(1000)
    history = world.servers[0].view.history
    assert history.log is not None
    assert history.bytes_since(1004) == history.delta_since(1004).size
    post_rows(world, "x" * LIMITS.fold_at_once)
    assert history.bytes_since(1004) == history.log.size_since(1004)
