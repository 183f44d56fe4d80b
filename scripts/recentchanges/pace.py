"""Hands out events at a rate, in batches: what is due by now goes out together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

_SLICE = 0.01
_LARGEST = 512


def paced(
    events: Iterable[bytes],
    rate: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[bytes]]:
    """Batches of `events`, `rate` of them a second; as fast as they are taken if `rate` is 0.

    Who takes them too slowly is not made to catch up by a flood: time that was lost beyond a
    second stays lost.
    """
    remaining = iter(events)
    if not rate:
        while batch := list(islice(remaining, _LARGEST)):
            yield batch
        return
    due = clock()
    while True:
        now = clock()
        due = max(due, now - 1.0)
        count = min(int((now - due) * rate) + 1, _LARGEST) if due <= now else 0
        if count:
            batch = list(islice(remaining, count))
            if not batch:
                return
            due += len(batch) / rate
            yield batch
        else:
            sleep(max(due - now, _SLICE))
