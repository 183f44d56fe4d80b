"""One-off reads: a SELECT is a fresh dataflow that is fed what its inputs hold at one time."""

from __future__ import annotations

from dataclasses import dataclass

from engine.zset import Row

END_OF_TIME = 2**64 - 1
"""The time of what can no longer change: a constant, or a file that was read and is not tailed."""


@dataclass(frozen=True)
class PeekResult:
    """The answer to a SELECT: `rows` in their order, as of `time` (milliseconds)."""

    time: int
    rows: list[Row]


class ReadTransaction:
    """The time of all reads of one transaction; the first read sets it.

    `close` must be called at the end of the transaction: until then the history at that time is
    kept, within bounds.
    """

    def __init__(self) -> None:
        self.time: int | None = None

    def close(self) -> None:
        """Let go of the history; harmless when done twice."""
