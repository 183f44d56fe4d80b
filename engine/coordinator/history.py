"""The history of a relation: its contents now, and the changes of a window of time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from engine.zset import ZSet, add

UPDATE_SIZE = 512
"""Characters of text in a row for which it counts as one update; a larger row counts as more."""


class History:
    """Contents and changes of one relation; every time from `since` on can be read exactly.

    A change is kept as it was given and must not be modified afterwards, nor may what the methods
    return. Times ascend; one time may be appended to several times.
    """

    def __init__(self, since: int) -> None:
        self.since = since
        self.contents: ZSet = {}
        self.rows = 0
        """How many rows there are now, equal ones counted each."""
        self.updates = 0
        """The number of updates after `since`, large ones counted as several."""
        self._times: list[int] = []
        self._changes: list[ZSet] = []
        self._sizes: list[int] = []
        self._last_is_own = False
        """Whether the last change is a dict of this object's making, to be added to."""

    def append(self, time: int, change: ZSet) -> None:
        add(self.contents, change)
        self.rows += sum(change.values())
        if time <= self.since:
            return
        if self._times and self._times[-1] == time:
            self._add_to_last(change)
        else:
            self._times.append(time)
            self._changes.append(change)
            self._sizes.append(_size(change))
            self._last_is_own = False
            self.updates += self._sizes[-1]

    def _add_to_last(self, change: ZSet) -> None:
        """Add to a time that is not closed, and so was not read yet."""
        if not self._last_is_own:
            self._changes[-1] = dict(self._changes[-1])
            self._last_is_own = True
        add(self._changes[-1], change)
        size = len(self._changes[-1]) * _row_size(change)
        self.updates += size - self._sizes[-1]
        self._sizes[-1] = size

    def at(self, time: int) -> ZSet:
        """The contents at `time`, which must not be before `since`; the live object if it can."""
        assert time >= self.since
        first = bisect_right(self._times, time)
        if first == len(self._times):
            return self.contents
        contents = dict(self.contents)
        for change in self._changes[first:]:
            for row, diff in change.items():
                total = contents.get(row, 0) - diff
                if total:
                    contents[row] = total
                else:
                    del contents[row]
        return contents

    def after(self, time: int) -> Iterator[tuple[int, ZSet]]:
        """The changes later than `time`, in the order of their times."""
        first = bisect_right(self._times, time)
        for index in range(first, len(self._times)):
            yield self._times[index], self._changes[index]

    def next_after(self, time: int) -> tuple[int, ZSet] | None:
        """The first change later than `time`."""
        first = bisect_right(self._times, time)
        return (self._times[first], self._changes[first]) if first < len(self._times) else None

    def nth_last_time(self, count: int) -> int:
        """A time after which there are at most `count` changes."""
        return self.since if len(self._times) <= count else self._times[-count - 1]

    def time_holding(self, updates: int) -> int:
        """The earliest time after which there are at most that many updates."""
        excess = self.updates - updates
        time = self.since
        for index, size in enumerate(self._sizes):
            if excess <= 0:
                break
            excess -= size
            time = self._times[index]
        return time

    def compact(self, since: int) -> None:
        """Compact the times before `since` into one."""
        if since <= self.since:
            return
        self.since = since
        gone = bisect_right(self._times, since)
        self.updates -= sum(self._sizes[:gone])
        del self._times[:gone]
        del self._changes[:gone]
        del self._sizes[:gone]


def _size(change: ZSet) -> int:
    return len(change) * _row_size(change)


def _row_size(change: ZSet) -> int:
    """As how many updates a row counts, judged by one: those of a relation are much alike."""
    row = next(iter(change), ())
    return 1 + sum(len(v) for v in row if isinstance(v, str | bytes)) // UPDATE_SIZE
