"""Keeps the deltas that were folded for those who come back at one place, as long as they hold."""

from __future__ import annotations

from collections import OrderedDict

from server.framing import Message


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
