"""Finds where a TAIL begins, and drops the rows that lie below. No I/O.

`Beginning` works on rows of any form. `TailText` is the same for COPY's text, and adds the two
lines with which a stream opens; `viewstream/copy_text.py` reads what it returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from viewstream.copy_text import HEADER, NULL
from viewstream.cutter import parse_tail_time
from viewstream.protocol import MAX_TIME, ProtocolError

RowT = TypeVar("RowT")

_LINE = re.compile(rb"([0-9]{1,20})\t([ft])\t")


class Beginning(Generic[RowT]):
    """Drops the rows of a TAIL below `frontier`, where the stream begins.

    A `frontier` of None becomes known by the first progress row: its time plus `progress_offset`.
    Rows may come before that row; those of a smaller time may belong to what a base has. `read`
    returns the time of a row, and whether it is progress.
    """

    def __init__(
        self,
        frontier: int | None,
        progress_offset: int,
        read: Callable[[RowT], tuple[int, bool]],
    ) -> None:
        self.frontier = frontier
        self.is_passed = False
        """Whether a row at or above the frontier has come: times never go backwards from there."""
        self._progress_offset = progress_offset
        self._read = read
        self._early: list[RowT] = []

    def take(self, rows: list[RowT]) -> list[RowT]:
        """Take the next rows; return those to pass on, which are none until `frontier` is known."""
        if self.frontier is None:
            first = next((row for row in rows if self._read(row)[1]), None)
            if first is not None:
                self.frontier = min(self._read(first)[0] + self._progress_offset, MAX_TIME)
                rows.remove(first)  # the opening line has the same time
        self._early += rows
        if self.frontier is None:
            return []
        kept = [row for row in self._early if self._read(row)[0] >= self.frontier]
        self._early.clear()
        self.is_passed = self.is_passed or bool(kept)
        return kept


class TailText:
    """Turns the bytes of a COPY into what `tail_view.py` prints."""

    def __init__(self, epoch: str, frontier: int | None, progress_offset: int = 0) -> None:
        self._beginning = Beginning(frontier, progress_offset, read_line)
        self._header = f"{HEADER}{epoch}\n".encode()
        self._nulls = NULL.encode()
        self._rest = b""
        self._is_opened = False

    @property
    def is_passing(self) -> bool:
        """Whether `feed` returns from now on what it is given."""
        return self._beginning.is_passed

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the COPY, cut anywhere; return what must be printed.

        Raises ProtocolError for what is no row of a TAIL with PROGRESS.
        """
        if self._beginning.is_passed:
            return data
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not lines:
            return b""
        self._nulls = b"\t".join([NULL.encode()] * (lines[0].count(b"\t") - 1))
        kept = self._beginning.take(lines)
        if self._beginning.frontier is None:
            return b""
        printed = self._open(self._beginning.frontier) + b"".join(line + b"\n" for line in kept)
        if self._beginning.is_passed:
            printed, self._rest = printed + self._rest, b""
        return printed

    def end(self) -> bytes:
        """Return the last lines of a TAIL that ended by itself: its view can no longer change."""
        frontier = MAX_TIME if self._beginning.frontier is None else self._beginning.frontier
        opening = self._open(frontier)
        return opening if opening and frontier == MAX_TIME else opening + self._progress(MAX_TIME)

    def _open(self, frontier: int) -> bytes:
        if self._is_opened:
            return b""
        self._is_opened = True
        return self._header + self._progress(frontier)

    def _progress(self, time: int) -> bytes:
        return b"%d\tt\t%s\n" % (time, self._nulls)


def read_line(line: bytes) -> tuple[int, bool]:
    """Return a line's time, and whether it is progress; raise ProtocolError."""
    match = _LINE.match(line)
    if match is None:
        raise ProtocolError(f"expected a row of a TAIL with PROGRESS, found {line!r}")
    return parse_tail_time(match[1].decode()), match[2] == b"t"
