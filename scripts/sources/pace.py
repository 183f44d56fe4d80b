"""Paces events: yields in one batch all that are due."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, repeat
from math import exp, sqrt
from random import Random

_SLICE = 0.01
_LARGEST = 512
_LATEST = 1.0
_MOOD = 10.0
_SPREAD = 0.35


def steady(rate: float) -> Iterator[float]:
    """Yield gaps between events, in seconds, that are all the same."""
    return repeat(1 / rate)


def lively(rate: float, random: Random) -> Iterator[float]:
    """Yield random gaps, like those between people's edits.

    The gaps are exponential around a rate that varies about `rate` over some seconds: its
    logarithm is an Ornstein-Uhlenbeck process.
    """
    mood = 0.0
    while True:
        gap = random.expovariate(rate * exp(mood - _SPREAD**2 / 2))
        share = min(1.0, gap / _MOOD)
        mood += random.gauss(0.0, _SPREAD * sqrt(2 * share)) - mood * share
        yield gap


def paced(
    events: Iterable[bytes],
    gaps: Iterable[float],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[bytes]]:
    """Yield batches of `events`, with `gaps` seconds between the events.

    A consumer that is more than a second late does not get a burst: its delay is not made up.
    """
    batch: list[bytes] = []
    due = clock()
    for event, gap in zip(events, gaps, strict=False):
        now = clock()
        if batch and (due > now or len(batch) == _LARGEST):
            yield batch
            batch = []
            now = clock()
        while due > now:
            sleep(max(due - now, _SLICE))
            now = clock()
        batch.append(event)
        due = max(due, now - _LATEST) + gap
    if batch:
        yield batch


def unpaced(events: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield batches of `events` as fast as the consumer takes them."""
    remaining = iter(events)
    while batch := list(islice(remaining, _LARGEST)):
        yield batch
