"""Folded deltas: merged over times, in steps where the log is long, and cached by frontier."""

from __future__ import annotations

from collections import OrderedDict

from server.framing import Message
from server.hub.limits import Limits
from server.hub.log import Log
from viewstream.protocol import Row

STEP = 256 << 10
"""Bytes of the log that are folded in one turn of the event loop: a few milliseconds."""


class Fold:
    """Merges the updates since `frontier` over times, as far as `upper`; can be continued."""

    def __init__(self, frontier: int) -> None:
        self.frontier = frontier
        self.upper = frontier
        self.has_updates = False
        """Whether there were any, even if they cancel out."""
        self._weights: dict[Row, int] = {}

    def advance(self, log: Log, max_bytes: int) -> bool:
        """Fold as many whole deltas as hold `max_bytes`, at least one; return True at the head."""
        weights = self._weights
        self.upper, updates = log.read(self.upper, max_bytes)
        self.has_updates = self.has_updates or bool(updates)
        for _, diff, row in updates:
            weight = weights.get(row, 0) + diff
            if weight:
                weights[row] = weight
            else:
                del weights[row]
        return self.upper == log.head

    def rows(self) -> list[tuple[Row, int]]:
        """Return (row, weight): no row twice, no weight 0."""
        return list(self._weights.items())


class FoldCache:
    """Keeps folded deltas that lead to the head, by frontier: at most `max_bytes` of them.

    The least recently used ones are dropped. At least one stays, whatever its size: clients that
    come back together at one frontier share it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._messages: OrderedDict[int, Message] = OrderedDict()
        self.size = 0
        """Bytes of the payloads that are kept."""

    def get(self, frontier: int) -> Message | None:
        message = self._messages.get(frontier)
        if message is not None:
            self._messages.move_to_end(frontier)
        return message

    def put(self, frontier: int, message: Message) -> None:
        """Keep `message`; there must be none for that frontier yet."""
        self._messages[frontier] = message
        self.size += message.size
        while self.size > self._max_bytes and len(self._messages) > 1:
            _, oldest = self._messages.popitem(last=False)
            self.size -= oldest.size

    def clear(self) -> None:
        """Drop everything: the head has moved."""
        self._messages.clear()
        self.size = 0


class FoldedDeltas:
    """The folded deltas of one log: the cache of those that are done, and one that is not."""

    def __init__(self, limits: Limits) -> None:
        self.cache = FoldCache(limits.fold_cache_bytes)
        self.unfinished: Fold | None = None
        """The fold that is made in steps; one frontier at a time."""
        self._fold_at_once = limits.fold_at_once

    def restart(self) -> None:
        """Drop everything: the log restarts."""
        self.unfinished = None
        self.cache.clear()

    def step(self, log: Log, frontier: int) -> bool:
        """Fold one step of what came since `frontier`; return True once the rest is quick."""
        if log.size_since(frontier) <= self._fold_at_once:
            return True
        if self.unfinished is None or self.unfinished.frontier != frontier:
            self.unfinished = Fold(frontier)
        return self.unfinished.advance(log, min(STEP, self._fold_at_once))

    def fold_to_head(self, log: Log, frontier: int) -> Fold:
        """Fold everything from `frontier` to the head."""
        fold = self.unfinished
        if fold is None or fold.frontier != frontier:
            fold = Fold(frontier)
        fold.advance(log, log.size + 1)
        return fold
