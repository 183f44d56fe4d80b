"""Clients that take changes at most every so many milliseconds, several of them as one delta.

A view has a feed for each pace that one of its clients has. All feeds of a pace are flushed
together, so that a client gets its views in one write, and clients of one pace share the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from server.framing import Message
from server.hub.listener import Feed, Pending
from viewstream.protocol import Delta, encode

PACES = (20, 50, 100, 200, 500, 1000)
"""Milliseconds between two flushes. They are few, so that clients share the merged deltas."""
MAX_MERGED = 128 << 10
"""Bytes of the deltas that are merged into one: decoding more would block the event loop."""

_decode = msgspec.json.Decoder(Delta).decode


def choose_pace(every: int) -> int:
    """Return the longest pace that is not above `every`; 0, each change at once, if none is."""
    return max((pace for pace in PACES if pace <= every), default=0)


class Pace:
    """The feeds of one pace that have something pending."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._feeds: dict[Feed, None] = {}
        self._flushed_at: int | None = None

    def add(self, feed: Feed) -> None:
        self._feeds[feed] = None

    def due_at(self, now: int) -> int | None:
        """When to flush: at once after a pause. None if nothing is pending."""
        if not self._feeds:
            return None
        return now if self._flushed_at is None else self._flushed_at + self._every

    def take(self, now: int) -> list[Feed]:
        """Take the feeds to flush now, except those that wait for a worker thread.

        These come back with the flush of their view.
        """
        feeds = [feed for feed in self._feeds if feed.pending and feed.uncompressed is None]
        self._feeds.clear()
        self._flushed_at = now
        return feeds


class Paces:
    def __init__(self) -> None:
        self._paces = {every: Pace(every) for every in PACES}
        self._is_idle = True
        """Whether no feed has something pending."""

    def add(self, feeds: Iterable[Feed]) -> None:
        """Note the feeds that have something pending."""
        for feed in feeds:
            if feed.pending:
                self._is_idle = False
                self._paces[feed.every].add(feed)

    def take_due(self, now: int) -> tuple[list[Feed], int | None]:
        """Take the feeds to flush now; also return when the next ones are due."""
        feeds: list[Feed] = []
        later: list[int] = []
        if self._is_idle:
            return feeds, None
        for pace in self._paces.values():
            due = pace.due_at(now)
            if due is not None and due <= now:
                feeds += pace.take(now)
            elif due is not None:
                later.append(due)
        self._is_idle = not later
        return feeds, min(later, default=None)


def merge_deltas(pending: Sequence[Pending], compress_from: int | None) -> list[Pending]:
    """Merge deltas that follow each other; every update keeps its time.

    A delta with a checksum is the last of those with which it is merged: it holds at its upper.
    """
    return [_join(run, compress_from) for run in _runs(pending)]


def _runs(pending: Sequence[Pending]) -> Iterator[list[tuple[Pending, Delta | None]]]:
    run: list[tuple[Pending, Delta | None]] = []
    size = 0
    for one in pending:
        delta = None if one.upper is None else _decode(one.message.payload)
        size += one.message.size
        if run and (delta is None or run[-1][1] is None or size > MAX_MERGED):
            yield run
            run, size = [], one.message.size
        run.append((one, delta))
        if delta is not None and delta.checksum is not None:
            yield run
            run, size = [], 0
    if run:
        yield run


def _join(run: list[tuple[Pending, Delta | None]], compress_from: int | None) -> Pending:
    deltas = [delta for _, delta in run if delta is not None]
    if len(deltas) < 2:
        return run[0][0]
    first, last = deltas[0], deltas[-1]
    updates = [update for delta in deltas for update in delta.updates]
    merged = Delta(
        *(last.view, last.epoch, first.lower, last.upper, updates), checksum=last.checksum
    )
    return Pending(Message(encode(merged), compress_from), last.upper)
