"""Folded deltas: made in pieces where the log is long, kept for who stands at one place."""

from __future__ import annotations

from collections import OrderedDict

from server.framing import Message
from server.hub.log import Log
from viewstream.protocol import Row

PIECE = 256 << 10
"""Bytes of the log that are folded in one go: a few milliseconds."""


class Folds:
    """Messages by the frontier from which they lead to the head, at most `max_bytes` of them.

    The ones that were used last stay. At least one does, whatever its size: those who come
    together at one frontier share it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._messages: OrderedDict[int, Message] = OrderedDict()
        self.size = 0
        """Bytes of the payloads kept."""

    def get(self, frontier: int) -> Message | None:
        message = self._messages.get(frontier)
        if message is not None:
            self._messages.move_to_end(frontier)
        return message

    def put(self, frontier: int, message: Message) -> None:
        """Keep `message`; none may be kept for that frontier yet."""
        self._messages[frontier] = message
        self.size += message.size
        while self.size > self._max_bytes and len(self._messages) > 1:
            _, oldest = self._messages.popitem(last=False)
            self.size -= oldest.size

    def clear(self) -> None:
        """The head has moved: nothing leads to it any more."""
        self._messages.clear()
        self.size = 0


class Fold:
    """What changed since `frontier`, folded over times as far as `upper`, to be gone on with."""

    def __init__(self, frontier: int) -> None:
        self.frontier = frontier
        self.upper = frontier
        self._weights: dict[Row, int] = {}

    def advance(self, log: Log, max_bytes: int) -> bool:
        """Fold whole deltas, as many as hold `max_bytes`, at least one; True at the head."""
        weights = self._weights
        self.upper, updates = log.some_since(self.upper, max_bytes)
        for _, diff, row in updates:
            weight = weights.get(row, 0) + diff
            if weight:
                weights[row] = weight
            else:
                del weights[row]
        return self.upper == log.head

    def rows(self) -> list[tuple[Row, int]]:
        """No row twice, and no weight 0."""
        return list(self._weights.items())
