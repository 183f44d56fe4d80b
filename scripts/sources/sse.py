"""Parses server-sent events: bytes in, events out. No I/O.

It follows the HTML Living Standard, 9.2.6. An event counts only when the blank line after it has
come: an event that a lost connection cut is dropped, with its id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BREAK = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class Event:
    """One event: its type, its data (lines joined by a newline), and the last id before its end."""

    type: bytes
    data: bytes
    id: bytes


class Parser:
    """Parses one stream. Pass `last_id` to the parser of the next connection.

    Of an event longer than `limit` bytes only the first `limit + 1` are kept, which is enough to
    refuse it as too long. `retry` is the server's last reconnection time in milliseconds, or None.
    """

    def __init__(self, limit: int, last_id: bytes = b"") -> None:
        self.limit = limit
        self.last_id = last_id
        self.retry: int | None = None
        self._rest = b""
        self._first = True
        self._reset()

    def _reset(self) -> None:
        self._type = b""
        self._data: list[bytes] = []
        self._size = 0
        self._id = self.last_id

    def feed(self, data: bytes) -> list[Event]:
        """Parse the next bytes of the stream; return the events that they complete."""
        data = self._rest + data
        # A CR at the end may be half of a CRLF: wait for the byte after it.
        ends_in_cr = data[-1:] == b"\r"
        *lines, rest = _BREAK.split(data[:-1] if ends_in_cr else data)
        if len(rest) > self.limit + 64:  # a line without end costs no more than the limit
            rest = rest[: self.limit + 64]
        self._rest = rest + b"\r" if ends_in_cr else rest
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Event | None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._take(value)
        elif field == b"event":
            self._type = value
        elif field == b"id" and b"\0" not in value:
            self._id = value
        elif field == b"retry" and value.isdigit():
            self.retry = int(value)
        return None

    def _take(self, value: bytes) -> None:
        room = self.limit + 1 - self._size
        if room > 0:
            self._data.append(value[:room])
            self._size += len(value) + 1

    def _dispatch(self) -> Event | None:
        self.last_id = self._id
        event = Event(self._type or b"message", b"\n".join(self._data), self._id)
        empty = not self._data
        self._reset()
        return None if empty else event
