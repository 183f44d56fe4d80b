"""How alive a view is, and when to say so."""

from __future__ import annotations

from server.framing import Message
from server.hub.history import History
from server.hub.limits import Limits
from viewstream.protocol import Status, encode

NO_PIPELINE = "no pipeline has posted yet"
BEGUN_ANEW = "the view's history began anew, and no pipeline has posted of it yet"


class StatusBoard:
    """`message` is the status as it was last found."""

    def __init__(self, history: History, limits: Limits) -> None:
        self.trouble: tuple[str, int] | None = None
        """Why the engine does not answer, and since when."""
        self._history = history
        self._limits = limits
        self._told: Status | None = None
        self._told_at = 0
        self.message = _encode(Status(history.view, "stale", NO_PIPELINE))

    def status(self, now: int) -> Status:
        """Live while deltas come and keep up with the engine, else stale."""
        history, limit = self._history, self._limits.stale_after
        trouble, since = self.trouble or ("", now)
        reason = ""
        if history.posted_at is None:
            reason = NO_PIPELINE
        elif history.log is None:
            reason = BEGUN_ANEW
        elif now - since >= limit:
            reason = trouble  # a pipeline whose engine is frozen goes on to say that it is there
        elif now - history.posted_at >= limit:
            reason = trouble or f"nothing was posted for {limit // 1000} s"
        elif history.engine_ahead is not None and now - history.engine_ahead[1] >= limit:
            reason = f"what is posted has been behind the engine for {limit // 1000} s"
        return Status(history.view, "stale" if reason else "live", reason)

    def is_due(self, now: int) -> bool:
        """Whether the status has changed, or nothing was said of it for long."""
        is_silent = now - self._told_at >= self._limits.speak_every
        return is_silent or self.status(now) != self._told

    def renew(self, now: int) -> Message:
        """Find the status, and return it as a message."""
        self._told, self._told_at = self.status(now), now
        self.message = _encode(self._told)
        return self.message

    def waiting(self, failure: str | None) -> Message:
        """For who has nothing yet, and why."""
        reason = failure or "the view is being read"
        return _encode(Status(self._history.view, "waiting", reason))


def _encode(status: Status) -> Message:
    return Message(encode(status))
