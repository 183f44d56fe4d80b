"""How a view is: why the engine does not answer, the `status` that clients get, the report."""

from __future__ import annotations

from dataclasses import dataclass

from server.framing import Message
from server.hub.history import History
from server.hub.limits import Limits
from viewstream.protocol import Status, encode

NO_PIPELINE = "no pipeline has posted yet"
RECREATED = "the view was recreated; no pipeline has posted to it yet"


@dataclass(frozen=True)
class ViewReport:
    """How a view is, for people, metrics and handlers."""

    name: str
    state: str
    problem: str | None
    """The first thing that is wrong with the view, if anything is."""
    failure: str | None
    """Why the engine does not answer, if it does not."""
    epoch: str | None
    lower: int | None
    head: int | None
    """Of the log; None without one."""
    log_bytes: int
    listeners: int
    base_reads: int
    audit_mismatches: int
    base_upper: int | None


class Failures:
    """Why the last questions to the engine about one view failed, until one is answered."""

    def __init__(self) -> None:
        self.base: str | None = None
        """Why the last base could not be read."""
        self.epoch: str | None = None
        """Why the epoch could not be learned."""
        self.epoch_since = 0
        """When the first of these questions for the epoch failed."""
        self.tail: str | None = None
        """Why the server's own TAIL of the view does not run, if it has one."""
        self.count = 0
        """How many questions for the epoch have failed since the start."""

    @property
    def reason(self) -> str | None:
        """Why the engine does not give what is needed; None if it does."""
        return self.base or self.epoch

    def note(self, reason: str, now: int, *, of_base: bool) -> None:
        if of_base:
            self.base = reason
            return
        if self.epoch is None:
            self.epoch_since = now
        self.epoch = reason
        self.count += 1

    def clear(self, *, of_base: bool) -> None:
        """Note an answer. Each has the epoch, and that to a question for a base the rows too."""
        self.epoch = None
        if of_base:
            self.base = None


class StatusBoard:
    """Finds the status of a view, and notes what its clients were sent last."""

    def __init__(self, history: History, failures: Failures, limits: Limits) -> None:
        self._history = history
        self._failures = failures
        self._limits = limits
        self._sent: Status | None = None
        self._sent_at = 0
        self.message = encode_status(Status(history.view, "stale", NO_PIPELINE))
        """The status that was sent last."""

    def status(self, now: int) -> Status:
        """Return `live` while deltas come and keep up with the engine, else `stale`."""
        history, failures, limit = self._history, self._failures, self._limits.stale_after
        reason = ""
        if history.posted_at is None:
            reason = failures.tail or NO_PIPELINE
        elif history.log is None:
            reason = failures.tail or RECREATED
        elif failures.epoch is not None and now - failures.epoch_since >= limit:
            reason = failures.epoch  # its pipeline goes on to post that nothing has changed
        elif now - history.posted_at >= limit and not history.has_ended:
            reason = failures.epoch or failures.tail or f"nothing was posted for {limit // 1000} s"
        elif history.engine_ahead is not None and now - history.engine_ahead[1] >= limit:
            reason = f"what is posted has been behind the engine for {limit // 1000} s"
        return Status(history.view, "stale" if reason else "live", reason)

    def make_report(self, now: int, *, listeners: int) -> ViewReport:
        """Report how the view is."""
        history, status = self._history, self.status(now)
        problem = self._failures.reason
        if problem is None and history.audit.is_in_doubt:
            problem = "the rows that the engine answers are not what its TAIL came to"
        if problem is None and status.state != "live":
            problem = status.reason
        log, base = history.log, history.base
        return ViewReport(
            name=history.view,
            state=status.state,
            problem=problem,
            failure=self._failures.reason or self._failures.tail,
            epoch=history.epochs.current,
            lower=None if log is None else log.lower,
            head=None if log is None else log.head,
            log_bytes=0 if log is None else log.size,
            listeners=listeners,
            base_reads=history.base_reads,
            audit_mismatches=history.mismatches,
            base_upper=None if base is None else base.upper,
        )

    def is_due(self, now: int) -> bool:
        """Whether the status has changed, or clients were not sent it for long."""
        is_silent = now - self._sent_at >= self._limits.status_every
        return is_silent or self.status(now) != self._sent

    def renew(self, now: int) -> Message:
        """Find the status, and return it as a message to send."""
        self._sent, self._sent_at = self.status(now), now
        self.message = encode_status(self._sent)
        return self.message

    def waiting(self) -> Message:
        """Return the status for clients that have no base yet."""
        reason = self._failures.reason or "the view is being read"
        return encode_status(Status(self._history.view, "waiting", reason))


def encode_status(status: Status) -> Message:
    return Message(encode(status))
