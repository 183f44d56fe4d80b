"""Rows in order, of which only the first few are looked at: for top-k, min and max.

The rows lie in buckets; every row of a bucket comes before every row of the next, inside a bucket
they lie in no order. A change costs a binary search over the buckets' bounds. Only the first
bucket is ever sorted, and it is kept small: when it has grown it is split around a pivot, when it
has run dry the next one is. This is quicksort done no further than is asked for ("incremental
quicksort", Paredes and Navarro, 2006), so n rows cost O(n) to take in, and O(log n) for each that
must move up. The answer does not depend on how the buckets happen to lie.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import islice
from typing import Any

from engine.zset import Row, Value, ZSet

_SMALL = 32
"""A bucket of up to this many rows is not worth splitting."""

_SAMPLE = 9


class Ranking:
    """A Z-set in the order of `key`, which must be different for different rows."""

    __slots__ = ("_bounds", "_buckets", "_key", "_taken", "_wanted", "size")

    def __init__(self, key: Callable[[Any], Any]) -> None:
        self._key = key
        self._buckets: list[dict[Any, int]] = [{}]
        self._bounds: list[Any] = []
        self._taken: list[tuple[Any, int]] | None = None
        self._wanted = 0
        self.size = 0
        """How many different rows there are."""

    def add(self, row: Row | Value, weight: int) -> None:
        """Add `weight` (not 0) copies of the row."""
        self.update({row: weight})

    def update(self, change: dict[Any, int]) -> None:
        """Add a Z-set."""
        key, bounds, buckets = self._key, self._bounds, self._buckets
        size = self.size
        for row, weight in change.items():
            number = bisect_right(bounds, key(row)) if bounds else 0
            if number == 0:
                self._taken = None
            bucket = buckets[number]
            present = bucket.get(row, 0)
            if present + weight:
                bucket[row] = present + weight
                size += not present
            else:
                del bucket[row]
                size -= 1
        self.size = size

    def first(self, count: int) -> list[tuple[Any, int]]:
        """The first `count` rows in order, as (row, how often); the last may be cut short."""
        if self._taken is None or self._wanted != count:
            self._settle(count)
            self._taken = _cut(sorted(self._buckets[0].items(), key=self._key_of_item), count)
            self._wanted = count
        return self._taken

    def _key_of_item(self, item: tuple[Any, int]) -> Any:
        return self._key(item[0])

    def _settle(self, count: int) -> None:
        """Make the first bucket hold at least `count` rows (if there are), and not many more."""
        limit = _SMALL + 4 * count
        buckets = self._buckets
        while sum(buckets[0].values()) < count and len(buckets) > 1:
            while len(buckets[1]) > limit:
                self._split(1)
            buckets[0].update(buckets.pop(1))
            del self._bounds[0]
        while len(buckets[0]) > limit:
            self._split(0)

    def _split(self, number: int) -> None:
        """Split a bucket in two around the median of a sample of its rows."""
        bucket = self._buckets[number]
        spacing = len(bucket) // _SAMPLE
        sample = sorted(map(self._key, islice(bucket, 0, None, spacing)))
        pivot = sample[len(sample) // 2]
        before: ZSet = {}
        after: ZSet = {}
        for row, weight in bucket.items():
            (before if self._key(row) < pivot else after)[row] = weight
        self._buckets[number : number + 1] = [before, after]
        self._bounds.insert(number, pivot)


def _cut(rows: list[tuple[Any, int]], count: int) -> list[tuple[Any, int]]:
    taken: list[tuple[Any, int]] = []
    for row, weight in rows:
        if count <= 0:
            break
        taken.append((row, min(weight, count)))
        count -= weight
    return taken
