"""When the flusher flushes: together what comes together, soon, and with pauses for other work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import cast

import pytest

from server.flusher import GATHER, LONGEST_PAUSE, PAUSE, Flusher
from server.hub.hub import Hub
from tests.support.virtual_time import VirtualLoop, run_in_virtual_time


class SlowHub:
    """A hub whose flush takes `seconds`; `flushes` has when each began, and of how many deltas."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.pending = 0
        self.flushes: list[tuple[float, int]] = []
        self.paced_due: Iterator[int] = iter(())
        self.paced_flushes: list[int] = []
        self.queue = 0
        self.admissions: list[int] = []
        """How many listeners waited whenever it was given a turn to serve them."""

    @property
    def has_queue(self) -> bool:
        return self.queue > 0

    @property
    def has_pending(self) -> bool:
        return self.pending > 0

    def uncompressed(self) -> None:
        """Nothing is large."""

    def admit(self, now: int) -> bool:
        self.admissions.append(self.queue)
        self.queue -= self.has_queue
        return self.admissions[-1] > 0

    def flush_paced(self, now: int) -> int | None:
        """Return the next of `paced_due`: when clients with a pace are due again."""
        self.paced_flushes.append(now)
        return next(self.paced_due, None)

    def flush(self) -> list[tuple[str, int]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.flushes.append((loop.time(), self.pending))
        self.pending = 0
        loop._clock.now += self.seconds
        return []


def flusher_of(hub: SlowHub, read_ready: Callable[[], None] = lambda: None) -> Flusher:
    return Flusher(cast("Hub", hub), lambda view, frontier: None, read_ready)


async def post(hub: SlowHub, times: list[float]) -> None:
    """Give the hub a delta at each of these times, and wait until all are flushed."""
    flusher = flusher_of(hub)
    loop = asyncio.get_running_loop()
    for due in times:
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        hub.pending += 1
        flusher.on_work()
    await asyncio.sleep(1)


def flushes_of(seconds: float, times: list[float]) -> list[tuple[float, int]]:
    hub = SlowHub(seconds)
    run_in_virtual_time(post(hub, times))
    assert sum(count for _, count in hub.flushes) == len(times)
    return hub.flushes


def test_few_clients_get_each_delta_at_once() -> None:
    times = [n / 1000 for n in range(100)]
    assert [at for at, _ in flushes_of(0.0001, times)] == pytest.approx(times)


def test_a_single_delta_does_not_wait_for_others() -> None:
    flushes = flushes_of(0.05, [0.0, 0.5, 1.0])
    assert flushes == [(pytest.approx(at), 1) for at in (0.0, 0.5, 1.0)]


async def post_in_reads(hub: SlowHub, count: int, seconds: float) -> None:
    """Give the hub one delta by each of `count` reads, which take `seconds`."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    left = count

    def read() -> None:
        nonlocal left
        loop._clock.now += seconds
        if left:
            left -= 1
            hub.pending += 1
            flusher.on_work()

    flusher = flusher_of(hub, read)
    while left:
        read()
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)


def test_a_burst_shares_one_write() -> None:
    hub = SlowHub(0.006)
    run_in_virtual_time(post_in_reads(hub, 20, 0.00005))
    assert [count for _, count in hub.flushes] == [20]


def test_a_burst_that_does_not_end_is_sent_in_parts() -> None:
    hub = SlowHub(0.006)
    run_in_virtual_time(post_in_reads(hub, 40, 0.0001))
    (first, count), *_ = hub.flushes
    assert first == pytest.approx(GATHER, abs=0.0002)
    assert count == pytest.approx(GATHER / 0.0001, abs=2)


@pytest.mark.parametrize("seconds", [0.006, 0.07])
def test_pauses_are_short_and_leave_time_to_others(seconds: float) -> None:
    """Deltas come all the time."""
    flushes = flushes_of(seconds, [n / 1000 for n in range(1000)])
    times = [at for at, _ in flushes]
    pauses = [later - earlier - seconds for earlier, later in pairwise(times[1:])]
    assert max(pauses[:-1]) <= min(PAUSE * seconds, LONGEST_PAUSE) + 0.001
    assert min(pauses) >= min(PAUSE * seconds, LONGEST_PAUSE) * 0.99


async def admit(hub: SlowHub, queue: int) -> None:
    flusher = flusher_of(hub)
    hub.queue = queue
    flusher.on_work()
    await asyncio.sleep(1)


@pytest.mark.parametrize(("queue", "admissions"), [(0, []), (2, [2, 1, 0])])
def test_listeners_are_served_only_if_any_wait(queue: int, admissions: list[int]) -> None:
    hub = SlowHub(0.0001)
    run_in_virtual_time(admit(hub, queue))
    assert hub.admissions == admissions


def test_clients_with_a_pace_are_flushed_when_they_are_due() -> None:
    hub = SlowHub(0.0)
    hub.paced_due = iter([50, 20, 60])
    run_in_virtual_time(post(hub, [0.0, 0.01]))
    assert hub.paced_flushes == [0, 10, 20, 60]
