"""The running checksum of a view's rows, and what every base that is read says about it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from server.hub.log import Log
from viewstream.checksum import MODULUS, checksum
from viewstream.protocol import Update

FIRST_PAUSE = 60_000
"""Milliseconds from one repair to the next; doubles while bases go on to disagree."""
LONGEST_PAUSE = 3_600_000


class Finding(Enum):
    """What a base said about the log."""

    NOTHING = "there was nothing to compare, or the log has not reached the base"
    AGREES = "the log came to the same rows"
    DISAGREES = "it did not, and a repair was made too recently"
    REPAIR = "it did not: the log is to begin anew"


class Audit:
    """Compares the log with the bases.

    What the log makes of the first base must be what each later base says. Where it is not, rows
    were left out of the TAIL or a history changed unnoticed: nobody can tell which of both is
    right, but the base is what the engine answers now.
    """

    def __init__(self) -> None:
        self.is_in_doubt = False
        """Whether the last base disagreed, and is not repaired yet."""
        self._running: int | None = None
        self._base: tuple[int, int] | None = None
        self._repaired_at: int | None = None
        self._pause = FIRST_PAUSE
        self._is_calm = True

    @property
    def checksum(self) -> int | None:
        """The checksum of the rows at the log's head; None if not known, or in doubt."""
        return None if self.is_in_doubt else self._running

    def began(self) -> None:
        """The log began anew: what was summed up is void, a base ahead of it is not."""
        self._running = None
        self.is_in_doubt = False

    def appended(self, updates: Iterable[Update]) -> None:
        """The log grew by `updates`."""
        if self._running is not None:
            change = checksum((diff, row) for _, diff, row in updates)
            self._running = (self._running + change) % MODULUS

    def based(self, upper: int, checksum_: int) -> None:
        """A base was read: at `upper` the rows have that checksum. `compare` comes to it."""
        self._base = (upper, checksum_)

    def compare(self, log: Log, now: int) -> Finding:
        """Compare with the last base, once the log covers its `upper`."""
        if self._base is None or not log.lower <= self._base[0] <= log.head:
            return Finding.NOTHING
        upper, at_upper = self._base
        self._base = None
        since = checksum((diff, row) for _, diff, row in log.updates_since(upper))
        at_head = (at_upper + since) % MODULUS
        if self._running is None:
            self._running = at_head
            return Finding.NOTHING
        if self._running == at_head:
            self._agree(now)
            return Finding.AGREES
        return self._disagree(now)

    def repair_is_due(self, now: int) -> bool:
        """Whether there is something to repair, and the time for it has come."""
        return self.is_in_doubt and self._may_repair(now)

    def _may_repair(self, now: int) -> bool:
        return self._repaired_at is None or now - self._repaired_at >= self._pause

    def _agree(self, now: int) -> None:
        self.is_in_doubt = False
        if self._may_repair(now):
            self._is_calm = True

    def _disagree(self, now: int) -> Finding:
        if not self._may_repair(now):
            self.is_in_doubt = True
            return Finding.DISAGREES
        self._pause = FIRST_PAUSE if self._is_calm else min(2 * self._pause, LONGEST_PAUSE)
        self._is_calm = False
        self._repaired_at = now
        return Finding.REPAIR
