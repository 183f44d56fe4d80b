"""A ranking of rows of which only the first few are read: for top-k, min and max.

The rows are in buckets. Every row of a bucket precedes every row of the next one; inside a bucket
they are not ordered. A change costs a binary search over the buckets' bounds. Only the first
bucket is ever sorted, and it is kept small: when it has grown it is split around a pivot, and when
it is empty the next one is. This is a quicksort that goes no further than needed ("incremental
quicksort", Paredes and Navarro, 2006): adding n rows costs O(n), and each row that moves up into
the first bucket O(log n). The result does not depend on the state of the buckets.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from engine.zset import Row, Value, ZSet

_SMALL = 32
"""A bucket of up to this many rows is not worth splitting."""

_SAMPLE = 9


class Ranking:
    """A Z-set in the order of `key`, which must be different for different rows."""

    __slots__ = ("_bounds", "_buckets", "_key", "_sorted", "_taken", "_wanted", "size")

    def __init__(self, key: Callable[[Any], Any]) -> None:
        self._key = key
        self._buckets: list[dict[Any, int]] = [{}]
        self._bounds: list[Any] = []
        self._taken: list[tuple[Any, int]] | None = None
        """The cached result of `first(_wanted)`, None if it may have changed."""
        self._wanted = 0
        self._sorted: tuple[list[Any], list[Any]] | None = None
        """Keys and rows of the first bucket in order, kept up to date if it is large."""
        self.size = 0
        """The number of different rows."""

    def add(self, row: Row | Value, weight: int) -> None:
        """Add `weight` (not 0) copies of the row."""
        self.update({row: weight})

    def update(self, change: dict[Any, int]) -> None:
        """Add a Z-set."""
        key, bounds, buckets = self._key, self._bounds, self._buckets
        size = self.size
        last = bounds[-1] if bounds else None
        for row, weight in change.items():
            place = key(row)
            # Most rows of a large ranking are in its last bucket.
            number = -1 if last is not None and place >= last else bisect_right(bounds, place)
            bucket = buckets[number]
            present = bucket.pop(row, 0)
            if total := present + weight:
                bucket[row] = total
                size += not present
            else:
                size -= 1
            if number == 0:
                self._taken = None
                if self._sorted is not None and not (present and total):
                    self._resort(row, came=not present)
        self.size = size

    def first(self, count: int) -> list[tuple[Any, int]]:
        """The first `count` rows in order, as (row, how often); the last may be cut short."""
        if self._taken is None or self._wanted != count:
            self._settle(count)
            bucket = self._buckets[0]
            self._taken = _cut(((row, bucket[row]) for row in self._in_order(count)), count)
            self._wanted = count
        return self._taken

    def _in_order(self, count: int) -> list[Any]:
        """The rows of the first bucket in order."""
        if self._sorted is not None:
            return self._sorted[1]
        rows = sorted(self._buckets[0], key=self._key)
        if count > _SMALL:
            self._sorted = (list(map(self._key, rows)), rows)
        return rows

    def _resort(self, row: Any, *, came: bool) -> None:
        """Insert a row into the sorted first bucket, or remove it."""
        assert self._sorted is not None
        keys, rows = self._sorted
        key = self._key(row)
        place = bisect_left(keys, key)
        if came:
            keys.insert(place, key)
            rows.insert(place, row)
        else:
            del keys[place], rows[place]

    def _settle(self, count: int) -> None:
        """Give the first bucket at least `count` rows, if there are, and not many more."""
        limit = _SMALL + 4 * count
        buckets = self._buckets
        while sum(buckets[0].values()) < count and len(buckets) > 1:
            while len(buckets[1]) > limit:
                self._split(1)
            self._sorted = None
            buckets[0].update(buckets.pop(1))
            del self._bounds[0]
        while len(buckets[0]) > limit:
            self._sorted = None
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


def _cut(rows: Iterable[tuple[Any, int]], count: int) -> list[tuple[Any, int]]:
    taken: list[tuple[Any, int]] = []
    for row, weight in rows:
        if count <= 0:
            break
        taken.append((row, min(weight, count)))
        count -= weight
    return taken
