"""When a base is to be read though nobody needs one: what is never asked is never found wrong."""

from __future__ import annotations

from server.hub.limits import Limits


class Rounds:
    """Times in milliseconds of the hub's clock.

    A TAIL that stands still looks like one with nothing to say, until a SELECT tells a later time.
    So a base is read once whenever the head has stood still for a third of the time after which a
    view is called stale, and every `audit_every` in any case, for the checksum.
    """

    def __init__(self, limits: Limits) -> None:
        self._every = limits.audit_every
        self._patience = limits.stale_after // 3
        self._moved_at = 0
        self._read_at = 0

    def moved(self, now: int) -> None:
        """The head moved, or the log began."""
        self._moved_at = now

    def read(self, now: int) -> None:
        """A base was read."""
        self._read_at = now

    def is_due(self, now: int) -> bool:
        """Whether a base is to be read now."""
        still_at = self._moved_at + self._patience
        return now - self._read_at >= self._every or self._read_at < still_at <= now
