"""Token buckets: so many at once, and so many a second."""

from __future__ import annotations

from typing import NamedTuple


class Rate(NamedTuple):
    burst: float
    per_second: float


class Bucket:
    """Counts what one party does. Times in milliseconds."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: Rate, at: int) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at = at

    def take(self, at: int, count: int = 1) -> float:
        """Take `count` tokens; return the seconds until none is owed any more, 0 if none is."""
        self._refill(at)
        self._tokens -= count
        return max(0.0, -self._tokens / self._rate.per_second)

    def try_take(self, at: int) -> bool:
        """Take one token if there is one."""
        self._refill(at)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def is_full(self, at: int) -> bool:
        self._refill(at)
        return self._tokens >= self._rate.burst

    def _refill(self, at: int) -> None:
        burst, per_second = self._rate
        self._tokens = min(burst, self._tokens + (at - self._at) / 1000 * per_second)
        self._at = at
