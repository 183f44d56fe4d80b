"""Turns the rows of a cursor over a TAIL into deltas. No I/O.

The sibling of `viewstream/bodies.py`, which does the same for COPY's text and encodes the deltas.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from viewstream.cutter import Cutter, parse_diff, parse_tail_time
from viewstream.protocol import BODY_LIMIT, MAX_TIME, Delta, ProtocolError, Update


class Deltas:
    """Collects the closed times of one TAIL of `view`, which begins at `lower`."""

    def __init__(self, view: str, epoch: str, lower: int, largest: int = BODY_LIMIT) -> None:
        self._view = view
        self._epoch = epoch
        self._lower = lower
        self._closed: deque[tuple[int, list[Update] | None]] = deque()
        self._cutter = Cutter(lower, lambda *closed: self._closed.append(closed), largest)

    def add_rows(self, rows: Iterable[Sequence[str | None]]) -> None:
        """Add rows as `FETCH` gives them: texts of time, progressed, diff, and the view's columns.

        Raises ProtocolError if these are not the rows of a TAIL with PROGRESS in order of time.
        """
        size = 0
        for row in rows:
            time, kind = parse_tail_time(row[0] or ""), row[1]
            if kind == "t":
                self._cutter.advance(time)
            elif kind == "f" and time >= self._cutter.upper:
                counts, values = self._cutter.advance(time), tuple(row[3:])
                counts[values] = counts.get(values, 0) + parse_diff(row[2] or "")
                size += sum(len(value or "") for value in values)
            else:
                raise ProtocolError(
                    f"expected progress, or a row at {self._cutter.upper} or later,"
                    f" found {list(row)!r}"
                )
        self._cutter.bound_open_time(size)

    @property
    def has_closed(self) -> bool:
        """Whether `take` would return updates, or leave a time out."""
        return bool(self._closed)

    def end(self) -> None:
        """Close all times: the TAIL has ended by itself, so its view can no longer change."""
        self._cutter.advance(MAX_TIME)

    def take(self) -> Delta:
        """Return all closed times as one delta, which is empty if there are none.

        A time that is too large ends a delta; the next one begins above it.
        """
        while self._closed and self._closed[0][1] is None:
            self._lower = self._closed.popleft()[0] + 1
        lower, updates = self._lower, list[Update]()
        while self._closed and (at_one_time := self._closed[0][1]) is not None:
            updates += at_one_time
            self._closed.popleft()
        self._lower = self._closed[0][0] if self._closed else self._cutter.upper
        return Delta(self._view, self._epoch, lower, self._lower, updates)
