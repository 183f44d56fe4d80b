"""The log of one view: an unbroken line of intervals [lower, head) of one epoch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from server.framing import Message
from viewstream.protocol import Delta, Update

_decode = msgspec.json.Decoder(Delta).decode


class Entry:
    """One delta, kept as the bytes that were sent; no message if nothing happened in it.

    `before` counts the bytes of all deltas that came before it, including those trimmed since.
    """

    __slots__ = ("appended_at", "before", "message", "upper")

    def __init__(self, upper: int, message: Message | None, now: int, before: int) -> None:
        self.upper = upper
        self.message = message
        self.appended_at = now
        self.before = before

    @property
    def size(self) -> int:
        return 0 if self.message is None else self.message.size

    def updates(self) -> list[Update]:
        if self.message is None:
            return []
        return list(_decode(self.message.payload).updates)


class Log:
    """The part of a view's history that is kept, consolidated by (time, row) only."""

    def __init__(self, lower: int, now: int) -> None:
        self.lower = lower
        self.head = lower
        self.moved_at = now
        """When the head last moved, or else when the log began."""
        self._entries: list[Entry] = []
        self._first = 0
        """Index of the first entry that is kept: the list is cut rarely, and indexed fast."""
        self._trimmed = 0
        self._total = 0

    @property
    def size(self) -> int:
        """Bytes of the deltas that are kept."""
        return self._total - self._trimmed

    def new_part(self, delta: Delta) -> Delta | None:
        """Cut off what the log has already, by the interval rule; None if nothing is left.

        `delta.lower` must not be above the head. The log does not change: `append` the result,
        which is `delta` itself if all of it is new.
        """
        if delta.upper <= self.head:
            return None
        if delta.lower == self.head:
            return delta
        updates = [update for update in delta.updates if update[0] >= self.head]
        return Delta(delta.view, delta.epoch, self.head, delta.upper, updates)

    def append(self, upper: int, message: Message | None, now: int) -> None:
        """Keep [head, upper) as `message`, or as an interval without updates."""
        entries = self._entries
        if message is None and len(entries) > self._first and entries[-1].message is None:
            entries[-1].upper, entries[-1].appended_at = upper, now
        else:
            entry = Entry(upper, message, now, self._total)
            entries.append(entry)
            self._total += entry.size
        self.head = upper
        self.moved_at = now

    def updates_since(self, frontier: int) -> Iterator[Update]:
        """Yield every kept update with a time at or above `frontier`, in the order of times."""
        for entry in self._entries[self._index(frontier) :]:
            for update in entry.updates():
                if update[0] >= frontier:
                    yield update

    def read(self, frontier: int, max_bytes: int) -> tuple[int, list[Update]]:
        """Return the updates from `frontier` on, and the upper up to which they are complete.

        Reads as many deltas as hold `max_bytes`, at least one. `frontier` must not be below
        `lower`.
        """
        updates: list[Update] = []
        for entry in self._entries[self._index(frontier) :]:
            updates += [update for update in entry.updates() if update[0] >= frontier]
            max_bytes -= entry.size
            if max_bytes <= 0:
                return entry.upper, updates
        return self.head, updates

    def read_back(self, upper: int, since: int, max_bytes: int) -> tuple[int, list[Message]]:
        """Return the last deltas that begin below `upper`, and the time from which they are whole.

        Goes back to `since`, or until there are `max_bytes`, at least by one delta. The time is
        `upper` if the log does not reach below it.
        """
        lower, messages = upper, []
        if self.lower < upper <= self.head:
            for index in range(self._index(upper - 1), self._first - 1, -1):
                message = self._entries[index].message
                if message is not None:
                    messages.append(message)
                    max_bytes -= message.size
                lower = self._entries[index - 1].upper if index > self._first else self.lower
                if lower <= since or max_bytes <= 0:
                    break
        return lower, messages[::-1]

    def size_since(self, frontier: int) -> int:
        """Bytes of the deltas that reach above `frontier`, without reading them."""
        index = self._index(frontier)
        return self._total - self._entries[index].before if index < len(self._entries) else 0

    def trim(self, *, max_bytes: int, oldest: int, pinned: int | None, below: int = 0) -> None:
        """Drop from the front all that exceeds `max_bytes`, is older than `oldest` or `below`.

        Keeps everything at or above `pinned`, unless that exceeds twice `max_bytes`.
        """
        entries, index = self._entries, self._first
        while index < len(entries):
            first = entries[index]
            is_free = pinned is None or first.upper <= pinned or self.size > 2 * max_bytes
            is_old = first.appended_at < oldest or first.upper <= below
            if not is_free or (self.size <= max_bytes and not is_old):
                break
            first.message = None
            index += 1
            self._trimmed = entries[index].before if index < len(entries) else self._total
            self.lower = first.upper
        if index > len(entries) // 2:
            del entries[:index]
            index = 0
        self._first = index

    def _index(self, frontier: int) -> int:
        """Find the first entry that reaches above `frontier`."""
        return bisect_right(self._entries, frontier, self._first, key=_upper_of)


def _upper_of(entry: Entry) -> int:
    return entry.upper
