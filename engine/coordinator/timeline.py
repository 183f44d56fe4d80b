"""The engine's time: follows the wall clock, strictly increasing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from engine.storage import Store, StoreError

LAST_TIME = 2**53 - 1
"""The last integer that a float of 64 bits represents exactly, as browsers need it."""


RESERVED = 10_000
"""Milliseconds of the future that are promised at a time."""


class Timeline:
    """Gives times in milliseconds, each greater than the one before.

    While the wall clock is ahead, its time is given. When it was set back, times go on at half the
    speed of `steady` (seconds, monotonic) until the wall clock has caught up, so that what depends
    on time (temporal filters) neither stops nor runs away. All times are above `start`.
    """

    def __init__(
        self, clock: Callable[[], int], steady: Callable[[], float], start: int = 0
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._seen = steady()
        self.last = start

    def next(self) -> int:
        """The next time; with it the ones before are past."""
        now = self._steady()
        elapsed = int((now - self._seen) * 1000)
        slow = self.last + max(1, elapsed // 2)
        self._seen = now
        time = max(self.last + 1, self._clock())
        if time == self.last + 1:
            time = slow
        self.last = min(time, LAST_TIME)
        return self.last


class ReservedTimeline(Timeline):
    """A timeline that does not go back either when the process ends and begins again.

    It promises a store some seconds of the future at a time, and after a restart begins above what
    was promised.
    """

    def __init__(self, clock: Callable[[], int], steady: Callable[[], float], store: Store) -> None:
        self._store = store
        self._bound = store.time_bound()
        super().__init__(clock, steady, self._bound)

    def next(self) -> int:
        time = super().next()
        if time >= self._bound:
            self.reserve()
        return time

    @property
    def is_running_out(self) -> bool:
        """Whether it is time to `reserve`, before `next` has to."""
        return self.last > self._bound - RESERVED // 2

    def reserve(self) -> None:
        """Promise some more seconds; may be called from a thread."""
        bound = min(self.last + RESERVED, LAST_TIME)
        self._store.reserve_time(bound)
        self._bound = bound

    def close(self) -> None:
        """Give back the reserved time that was not used, at an orderly end."""
        with contextlib.suppress(StoreError):  # then the promise stays
            self._store.reserve_time(self.last + 1)
