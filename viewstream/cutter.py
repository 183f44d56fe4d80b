"""Cuts the changes of a view where times are closed. No I/O.

A time is closed when no further row of it can come: after progress above it, or a row of a later
time. `Cutter` collects the rows of the open time, and reports each time that it closes. Two parts
are built on it: `viewstream/bodies.py` makes bodies to post of COPY's text, and
`viewstream/deltas.py` makes deltas of a cursor's rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from viewstream.protocol import BODY_LIMIT, MAX_TIME, ProtocolError, Row, Update

Counts: TypeAlias = dict[Row, int]
"""The sum of the diffs of each row at one time; a sum may be 0 until the time is closed."""

OnClosed: TypeAlias = Callable[[int, list[Update] | None], None]
"""Called with each closed time and its updates: None if they are too large to be kept."""

_TAIL_TIME = re.compile(r"[0-9]{1,20}")
_DIFF = re.compile(r"-?[1-9][0-9]{0,18}")


class Cutter:
    """Collects the rows of the open time, and closes times.

    `upper` is the open time: all below it is closed. `on_closed` is called for each closed time
    that has updates; its updates are None if they are larger than `largest` characters. Such a time
    is left out: a gap, which the server fills with a base.
    """

    def __init__(self, lower: int, on_closed: OnClosed, largest: int = BODY_LIMIT) -> None:
        self.upper = lower
        self._on_closed = on_closed
        self._largest = largest
        self._counts: Counts = {}
        self._size = 0
        self._is_too_large = False

    def advance(self, time: int) -> Counts:
        """Close every time below `time`; return the counts of the open time, to be added to.

        The dict stays the open time's until a later time is given. A `time` at or below the open
        one closes nothing, so check that a row is not below `upper` before adding it.
        """
        if time > self.upper:
            updates = [(self.upper, diff, row) for row, diff in self._counts.items() if diff]
            if self._is_too_large:
                self._on_closed(self.upper, None)
            elif updates:
                self._on_closed(self.upper, updates)
            self.upper = time
            self._counts, self._size, self._is_too_large = {}, 0, False
        return self._counts

    def bound_open_time(self, size: int) -> None:
        """Give up the open time if its rows alone are too large for a body.

        `size` is how many characters were read since the last call. Rows that cancel are dropped
        before the open time is given up.
        """
        self._size += size
        if self._size <= self._largest:
            return
        for row in [row for row, diff in self._counts.items() if not diff]:
            del self._counts[row]
        self._size = sum(len(value or "") for row in self._counts for value in row)
        if self._size > self._largest:
            self._is_too_large = True
            self._counts.clear()
            self._size = 0


def parse_tail_time(text: str) -> int:
    """Return the time of a row of a TAIL; raise ProtocolError if it is none.

    The engine's last moment (2^64-1) becomes the last one below the end, 2^53-2: rows may come at
    it until the TAIL ends.
    """
    if not _TAIL_TIME.fullmatch(text):
        raise ProtocolError(f"expected a time of up to 20 digits, found {text!r}")
    return min(int(text), MAX_TIME - 1)


def parse_diff(text: str) -> int:
    """Return a diff, which is never 0; raise ProtocolError if `text` is none."""
    if not _DIFF.fullmatch(text):
        raise ProtocolError(f"expected a diff that is an integer and not 0, found {text!r}")
    return int(text)
