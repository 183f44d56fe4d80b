"""Delays between retries: exponential, capped, with full jitter. No I/O.

Every retry of this project waits by this class: the pipeline, the poster, and the clients. Full
jitter spreads the retries of many processes that failed at one moment (Marc Brooker, "Exponential
Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Draws the delay before each retry of one operation.

    The n-th delay since the last `reset` is uniform between 0 and `first * 2**n`, capped at
    `longest`. `rng` gives a number from 0 to 1, and is drawn again for each delay.
    """

    def __init__(
        self, first: float, longest: float, rng: Callable[[], float] = random.random
    ) -> None:
        assert 0 < first <= longest, f"expected 0 < first <= longest, found {first} and {longest}"
        self._first = first
        self._longest = longest
        self._rng = rng
        self._cap = first

    def next_delay(self) -> float:
        """Return the seconds to wait before the next retry, and double the cap of the one after."""
        delay = self._rng() * self._cap
        self._cap = min(2 * self._cap, self._longest)
        return delay

    def reset(self) -> None:
        """Start with short delays again: the operation has succeeded."""
        self._cap = self._first
