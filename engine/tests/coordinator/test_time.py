"""Times strictly increase, whatever the wall clock does, also over a restart."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.coordinator.timeline import LAST_TIME, RESERVED, ReservedTimeline, Timeline
from engine.coordinator.window import Window
from engine.storage import SqliteStore


class World:
    """A wall clock (milliseconds) and a steady one (seconds), moved by hand."""

    def __init__(self) -> None:
        self.wall = 1_000_000
        self.seconds = 0.0

    def clock(self) -> int:
        return self.wall

    def steady(self) -> float:
        return self.seconds

    def pass_time(self, milliseconds: int) -> None:
        self.wall += milliseconds
        self.seconds += milliseconds / 1000


def test_the_wall_clock_is_followed() -> None:
    world = World()
    line = Timeline(world.clock, world.steady)
    times = []
    for _ in range(5):
        world.pass_time(100)
        times.append(line.next())
    assert times == [
        world.wall - 400,
        world.wall - 300,
        world.wall - 200,
        world.wall - 100,
        world.wall,
    ]


def test_two_times_in_one_millisecond_differ() -> None:
    world = World()
    line = Timeline(world.clock, world.steady)
    assert [line.next() - world.wall for _ in range(3)] == [0, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(-(10**9), 10**9)), max_size=50))
@settings(max_examples=200, deadline=None)
def test_no_jump_makes_a_time_come_twice(steps: list[tuple[int, int]]) -> None:
    world = World()
    line = Timeline(world.clock, world.steady)
    last = -1
    for passed, jump in steps:
        world.pass_time(passed)
        world.wall += jump
        time = line.next()
        assert time > last
        assert time <= LAST_TIME
        last = time


def test_after_a_jump_back_time_goes_on_slowly_until_the_clock_has_caught_up() -> None:
    world = World()
    line = Timeline(world.clock, world.steady)
    before = line.next()
    world.wall -= 10_000
    for _ in range(100):
        world.pass_time(100)
        line.next()
    assert before + 4_900 <= line.last <= before + 5_100
    for _ in range(110):
        world.pass_time(100)
        line.next()
    assert line.last == world.wall


def test_a_restart_does_not_bring_back_a_time(tmp_path: Path) -> None:
    world, last = World(), 0
    for wall in (5_000_000, 4_000_000, 5_000_100):
        world.wall = wall
        store = SqliteStore(tmp_path)
        line = ReservedTimeline(world.clock, world.steady, store)
        for _ in range(3 * RESERVED // 1000):
            world.pass_time(1000)
            time = line.next()
            assert time > last
            last = time
        store.close()


def test_the_window_begins_before_the_engine_does() -> None:
    world = World()
    assert Window(5000, world.steady, world.wall).start == world.wall - 5000


def test_the_window_follows_the_time_that_passed() -> None:
    world = World()
    window = Window(5000, world.steady, world.wall)
    for _ in range(100):
        world.pass_time(100)
        window.mark(world.wall)
    assert world.wall - 5200 <= window.start <= world.wall - 5000


def test_a_clock_that_jumps_ahead_does_not_make_the_history_old() -> None:
    world = World()
    window = Window(5000, world.steady, world.wall)
    for _ in range(60):
        world.pass_time(100)
        window.mark(world.wall)
    start = window.start
    world.wall += 3_600_000
    window.mark(world.wall)
    assert window.start <= start + 100
    for _ in range(60):
        world.pass_time(100)
        window.mark(world.wall)
    assert window.start >= world.wall - 5200
