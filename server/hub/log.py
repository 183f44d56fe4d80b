"""The log of one view: an unbroken line of intervals [lower, head) of one epoch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from server.framing import Message
from viewstream.protocol import Delta, Row, Update

_decode = msgspec.json.Decoder(Delta).decode


class GapError(Exception):
    """A delta begins above the head: taking it would leave a gap."""


class Entry:
    """One delta as it was sent, kept as those very bytes; none if nothing happened in it.

    `before` counts the bytes of all deltas that came before it, also those forgotten since.
    """

    __slots__ = ("at", "before", "message", "upper")

    def __init__(self, upper: int, message: Message | None, at: int, before: int) -> None:
        self.upper = upper
        self.message = message
        self.at = at
        self.before = before

    @property
    def size(self) -> int:
        return 0 if self.message is None else self.message.size

    def updates(self) -> list[Update]:
        if self.message is None:
            return []
        return list(_decode(self.message.payload).updates)


class Log:
    """What is kept of a view's history. All of it is consolidated by (time, row) only."""

    def __init__(self, lower: int) -> None:
        self.lower = lower
        self.head = lower
        self._entries: list[Entry] = []
        self._first = 0
        """Where what is kept begins in `_entries`: a list is cut short rarely, and indexed fast."""
        self._forgotten = 0
        self._total = 0

    @property
    def size(self) -> int:
        """Bytes of the deltas that are kept."""
        return self._total - self._forgotten

    def cut(self, delta: Delta) -> Delta | None:
        """What of `delta` is new here, by the interval rule; None if nothing is.

        Raises GapError. The log is as it was: `append` takes what comes out.
        """
        if delta.lower > self.head:
            raise GapError(f"expected a delta from {self.head} on, found one from {delta.lower}")
        if delta.upper <= self.head:
            return None
        updates = [update for update in delta.updates if update[0] >= self.head]
        return Delta(delta.view, delta.epoch, self.head, delta.upper, updates)

    def append(self, upper: int, message: Message | None, now: int) -> None:
        """Keep [head, upper) as `message`, or as an interval without updates."""
        entries = self._entries
        if message is None and len(entries) > self._first and entries[-1].message is None:
            entries[-1].upper, entries[-1].at = upper, now
        else:
            entry = Entry(upper, message, now, self._total)
            entries.append(entry)
            self._total += entry.size
        self.head = upper

    def since(self, frontier: int) -> list[tuple[Row, int]] | None:
        """What changed from `frontier` to the head, folded over times; None if not known.

        The result holds no row twice and no weight 0.
        """
        if frontier < self.lower:
            return None
        weights: dict[Row, int] = {}
        for _, diff, row in self.updates_since(frontier):
            weights[row] = weights.get(row, 0) + diff
        return [(row, weight) for row, weight in weights.items() if weight]

    def updates_since(self, frontier: int) -> Iterator[Update]:
        """Every update that is kept with a time at or above `frontier`, in the order of times."""
        for entry in self._entries[self._index(frontier) :]:
            for update in entry.updates():
                if update[0] >= frontier:
                    yield update

    def some_since(self, frontier: int, max_bytes: int) -> tuple[int, list[Update]]:
        """The updates from `frontier` on in as many deltas as hold `max_bytes`, at least one, and
        up to where they are all of them. `frontier` must not be below `lower`.
        """
        updates: list[Update] = []
        for entry in self._entries[self._index(frontier) :]:
            updates += [update for update in entry.updates() if update[0] >= frontier]
            max_bytes -= entry.size
            if max_bytes <= 0:
                return entry.upper, updates
        return self.head, updates

    def size_since(self, frontier: int) -> int:
        """At most so many bytes have come in since `frontier`."""
        index = self._index(frontier)
        return self._total - self._entries[index].before if index < len(self._entries) else 0

    def trim(self, *, max_bytes: int, oldest: int, pinned: int | None) -> None:
        """Forget from the front what is too much or came before `oldest`.

        Nothing at or above `pinned` is forgotten, except to come below twice `max_bytes`.
        """
        entries, index = self._entries, self._first
        while index < len(entries):
            first = entries[index]
            is_free = pinned is None or first.upper <= pinned or self.size > 2 * max_bytes
            if not is_free or (self.size <= max_bytes and first.at >= oldest):
                break
            first.message = None
            index += 1
            self._forgotten = entries[index].before if index < len(entries) else self._total
            self.lower = first.upper
        if index > len(entries) // 2:
            del entries[:index]
            index = 0
        self._first = index

    def _index(self, frontier: int) -> int:
        """Of the first entry that reaches above `frontier`."""
        return bisect_right(self._entries, frontier, self._first, key=_upper_of)


def _upper_of(entry: Entry) -> int:
    return entry.upper
