"""Limits on what one result, or one view, may keep in memory."""

from __future__ import annotations

from itertools import islice
from sys import getsizeof

from engine.errors import SqlError
from engine.zset import Row, ZSet

MAX_ROWS = 2_000_000
"""The most different rows of a result."""

MAX_BYTES = 1 << 30
"""The most bytes of a result, estimated: the default of Materialize's `max_result_size`."""

MAX_STATE_ROWS = 10_000_000
"""The most rows that the operators of one view or query keep."""

_SAMPLE = 16


class ResultSize:
    """The size of a result that grows and shrinks by changes; raises SqlError (54000).

    Bytes are estimated from a sample of each change.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._bytes = 0
        self._rows = 0

    def add(self, change: ZSet, rows: int) -> None:
        """Add a change; `rows` is the number of different rows after it."""
        sample = list(islice(change, _SAMPLE))
        if not sample:
            return
        each = sum(map(_size, sample)) / len(sample)
        self._bytes = max(0, self._bytes + int(each * (rows - self._rows)))
        self._rows = rows
        if rows > MAX_ROWS:
            raise SqlError(f"{self._what} exceeds max size of {MAX_ROWS} rows", "54000")
        if self._bytes > MAX_BYTES:
            raise SqlError(f"{self._what} exceeds max size of {MAX_BYTES >> 20} MiB", "54000")


def check_state(what: str, rows_kept: int) -> None:
    """Raise SqlError if the operators keep too many rows."""
    if rows_kept > MAX_STATE_ROWS:
        raise SqlError(f"the state of {what} exceeds max size of {MAX_STATE_ROWS} rows", "54000")


def _size(row: Row) -> int:
    return getsizeof(row) + sum(map(getsizeof, row))
