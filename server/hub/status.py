"""How a view is: why the engine does not answer, the `status` that clients get, the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from server.framing import Message
from server.hub.engine_answer import EngineFailure
from server.hub.history import History
from server.hub.limits import Limits
from viewstream.protocol import Status, encode

NO_PIPELINE = "no pipeline has posted yet"
RECREATED = "the view was recreated; no pipeline has posted to it yet"
REPLACED = "the view was replaced; its rows are being read"
NO_BASE = "no base has been read yet"
DOUBT = "the rows that the engine answers are not what its TAIL came to"
SILENCE = 7_500
"""Milliseconds without a POST, or with a head that does not move, after which clients are sent that
as the reason. A pipeline posts at least every 5 s."""
MISSING_PATIENCE = 2_000
"""Milliseconds that a view may be missing: one that is replaced is dropped and created again."""


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
        self.missing_since: int | None = None
        """When the engine first answered that there is no such view."""
        self.tail: str | None = None
        """Why the server's own TAIL of the view does not run, if it has one."""
        self.count = 0
        """How many questions for the epoch have failed since the start."""
        self.base_count = 0
        """How many reads of a base have failed since the start."""

    @property
    def reason(self) -> str | None:
        """Why the engine does not give what is needed; None if it does."""
        return self.base or self.epoch

    def note(self, failure: EngineFailure) -> None:
        """Note a question that failed."""
        if not failure.is_missing:
            self.missing_since = None
        elif self.missing_since is None:
            self.missing_since = failure.received_at
        if failure.of_base:
            self.base = failure.reason
            self.base_count += 1
            return
        if self.epoch is None:
            self.epoch_since = failure.received_at
        self.epoch = failure.reason
        self.count += 1

    def may_return(self, now: int) -> bool:
        """Whether the view is missing, but may be about to be created again."""
        return self.missing_since is not None and now - self.missing_since < MISSING_PATIENCE

    def clear(self, *, of_base: bool) -> None:
        """Note an answer. Each has the epoch, and that to a question for a base the rows too."""
        self.epoch = self.missing_since = None
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
        self._live_at = 0
        """When live listeners were last sent something."""
        self._shown = Status(history.view, "stale", NO_PIPELINE)
        self.message = encode_status(self._shown)
        """The status for clients that get a base or a first delta."""

    def status(self, now: int) -> Status:
        """Return `live` while deltas come and keep up with the engine, else `stale`.

        The reason of a `live` view is a failure that will make it stale if it lasts. A view that
        is being replaced is `waiting` for a moment.
        """
        view = self._history.view
        if self._history.awaits_log(now):
            return Status(view, "waiting", REPLACED)
        reason = self._stale_reason(now)
        return Status(view, "stale", reason) if reason else Status(view, "live", self._warning(now))

    def _stale_reason(self, now: int) -> str:
        history, failures, limit = self._history, self._failures, self._limits.stale_after
        if history.posted_at is None:
            return failures.tail or NO_PIPELINE
        if failures.missing_since is not None and not failures.may_return(now):
            return failures.epoch or failures.base or NO_PIPELINE
        if history.log is None:
            return failures.tail or RECREATED
        if failures.epoch is not None and now - failures.epoch_since >= limit:
            return failures.epoch  # its pipeline goes on to post that nothing has changed
        if history.engine_ahead is not None and now - history.engine_ahead[1] >= limit:
            return f"what is posted has been behind the engine for {limit / 1000:g} s"
        return self._stopped(now, limit)

    def _warning(self, now: int) -> str:
        """Return what is wrong though the rows are still fresh."""
        failures, history = self._failures, self._history
        if failures.missing_since is not None:
            return ""
        if failures.reason is not None:
            return failures.reason
        if history.audit.is_in_doubt:
            return DOUBT
        return self._stopped(now, SILENCE)

    def _stopped(self, now: int, limit: int) -> str:
        """Return why the head has not moved for `limit` though the view may still change."""
        history, failures, log = self._history, self._failures, self._history.log
        assert log is not None
        assert history.posted_at is not None
        if history.has_ended:
            return ""
        if now - history.posted_at >= limit:
            return failures.epoch or failures.tail or f"nothing was posted for {limit / 1000:g} s"
        if now - log.moved_at >= limit and history.engine_ahead is None:
            stopped = f"the engine's time stands still since {_date(log.head)}"
            return failures.epoch or failures.tail or stopped
        return ""

    def unready_reasons(self, now: int) -> list[str]:
        """Return why a new client would get no base or no fresh deltas; empty if it would."""
        failures, status = self._failures, self.status(now)
        reasons = [status.reason] if status.state == "stale" else []
        if failures.reason is not None and not failures.may_return(now):
            reasons.insert(0, failures.reason)
        elif self._history.base_reads == 0:
            reasons.insert(0, NO_BASE)
        return list(dict.fromkeys(reasons))

    def make_report(self, now: int, *, listeners: int) -> ViewReport:
        """Report how the view is."""
        history, status = self._history, self.status(now)
        problem = None if self._is_being_replaced(now) else self._failures.reason
        if problem is None and history.audit.is_in_doubt:
            problem = DOUBT
        if problem is None and status.reason and status.state != "waiting":
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

    def _is_being_replaced(self, now: int) -> bool:
        """Whether the view is missing for a moment, as one that is edited is."""
        return self._failures.may_return(now) and self._history.posted_at is not None

    def on_delta(self, now: int) -> None:
        """Note that live listeners are sent a delta, and need no status for a while."""
        self._live_at = now

    def is_due(self, now: int) -> bool:
        """Whether the status has changed, or clients were not sent anything for long."""
        return self.is_due_for_live(now) or now - self._sent_at >= self._limits.status_every

    def is_due_for_live(self, now: int) -> bool:
        """The same of the live listeners, which are also sent deltas."""
        is_silent = now - self._live_at >= self._limits.status_every
        return is_silent or self.status(now) != self._sent

    def renew(self, now: int) -> Message:
        """Find the status, and return it as a message to send to all for which it is due."""
        if self.is_due_for_live(now):
            self._live_at = now
        self.refresh(now)
        self._sent, self._sent_at = self._shown, now
        return self.message

    def refresh(self, now: int) -> None:
        """Let `message` be the present status."""
        status = self.status(now)
        if status != self._shown:
            self._shown = status
            self.message = encode_status(status)

    def waiting(self) -> Message:
        """Return the status for clients that have no base yet."""
        reason = self._failures.reason or "the view is being read"
        if self._failures.missing_since is not None and self._shown.state == "live":
            reason = REPLACED  # it may be about to be created again
        return encode_status(Status(self._history.view, "waiting", reason))


def encode_status(status: Status) -> Message:
    return Message(encode(status))


def _date(time: int) -> str:
    """Return an engine's time, in milliseconds since 1970, for people."""
    try:
        return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError):  # no date has so many digits
        return str(time)
