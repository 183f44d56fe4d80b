"""The audit: compares each base that is read with the log, and schedules reads for that purpose."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from server.hub.limits import Limits
from server.hub.log import Log
from viewstream.checksum import MODULUS, checksum
from viewstream.protocol import Update

FIRST_PAUSE = 60_000
"""Milliseconds from one repair to the next; doubles while bases keep disagreeing."""
LONGEST_PAUSE = 3_600_000


class Finding(Enum):
    """The result of comparing a base with the log."""

    NOTHING = "there was nothing to compare, or the log has not reached the base"
    AGREES = "the log came to the same rows"
    DISAGREES = "it did not, and the last repair was too recent"
    REPAIR = "it did not: restart the log"


class Audit:
    """Keeps the checksum of the rows at the log's head, and compares it with every base.

    The log continued from the first base must come to the rows of each later base. If it does not,
    rows were left out of the TAIL or a history changed unnoticed. Nobody can tell which of the two
    is right, but the base is what the engine answers now.
    """

    def __init__(self) -> None:
        self.is_in_doubt = False
        """Whether the last base disagreed, and the log was not restarted since."""
        self._running: int | None = None
        self._base: tuple[int, int] | None = None
        self._repaired_at: int | None = None
        self._pause = FIRST_PAUSE
        self._is_calm = True

    @property
    def checksum(self) -> int | None:
        """The checksum of the rows at the log's head; None if unknown or in doubt."""
        return None if self.is_in_doubt else self._running

    def restart(self) -> None:
        """Forget the running sum, since the log restarts. A base ahead of the log stays."""
        self._running = None
        self.is_in_doubt = False

    def add(self, updates: Iterable[Update]) -> None:
        """Add updates that are appended to the log."""
        if self._running is not None:
            change = checksum([(diff, row) for _, diff, row in updates])
            self._running = (self._running + change) % MODULUS

    def note_base(self, upper: int, checksum_: int) -> None:
        """Note a base that was read, for the next `compare`."""
        self._base = (upper, checksum_)

    def compare(self, log: Log, now: int) -> Finding:
        """Compare the noted base with the log, once the log covers its `upper`."""
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
            self._on_agreement(now)
            return Finding.AGREES
        return self._on_disagreement(now)

    def is_repair_due(self, now: int) -> bool:
        """Whether there is something to repair and enough time has passed since the last repair."""
        return self.is_in_doubt and self._may_repair(now)

    def _may_repair(self, now: int) -> bool:
        return self._repaired_at is None or now - self._repaired_at >= self._pause

    def _on_agreement(self, now: int) -> None:
        self.is_in_doubt = False
        if self._may_repair(now):
            self._is_calm = True

    def _on_disagreement(self, now: int) -> Finding:
        if not self._may_repair(now):
            self.is_in_doubt = True
            return Finding.DISAGREES
        self._pause = FIRST_PAUSE if self._is_calm else min(2 * self._pause, LONGEST_PAUSE)
        self._is_calm = False
        self._repaired_at = now
        return Finding.REPAIR


class AuditSchedule:
    """Schedules audit reads: bases that no client asked for, compared with the log.

    A TAIL that hangs looks like one without changes, until a SELECT returns a later time. So a base
    is read once whenever the head has not moved for a third of `stale_after`, and every
    `audit_every` in any case, for its checksum.
    """

    def __init__(self, limits: Limits) -> None:
        self._every = limits.audit_every
        self._patience = limits.stale_after // 3
        self.read_at = 0
        """The time of the last read of a base; 0 if there was none."""

    def note_read(self, now: int) -> None:
        """Note that a base was read."""
        self.read_at = now

    def is_due(self, log: Log, now: int) -> bool:
        """Whether to read a base now."""
        still_at = log.moved_at + self._patience
        return now - self.read_at >= self._every or self.read_at < still_at <= now
