"""Hands out events at a pace, in batches: what is due by now goes out together."""

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
    """Gaps between events, in seconds, that are all the same."""
    return repeat(1 / rate)


def lively(rate: float, random: Random) -> Iterator[float]:
    """Gaps as between people's edits: at random, and for some seconds more or less of them.

    Exponential gaps around a rate that wanders about `rate`: its logarithm is an
    Ornstein-Uhlenbeck process.
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
    """Batches of `events`, with `gaps` seconds between the events.

    Who takes them too slowly is not made to catch up by a flood: time that was lost beyond a
    second stays lost.
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
    """Batches of `events` as fast as they are taken."""
    remaining = iter(events)
    while batch := list(islice(remaining, _LARGEST)):
        yield batch
