"""The history of one view as the server has it: epoch, log, last base, audit.

Knows no listeners. Whenever the log restarts or the epoch changes, `generation` grows: the position
of every listener has to be checked again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from server.framing import Message
from server.hub.audit import Audit, AuditSchedule, Finding
from server.hub.engine_answer import EngineAnswer, ReadBase
from server.hub.epochs import Epochs, Verdict
from server.hub.folding import FoldedDeltas
from server.hub.limits import Limits
from server.hub.log import Log
from server.hub.post_check import Extended, Outcome, Post, PostCheck
from viewstream.protocol import MAX_TIME, Delta, encode


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of a view just before `upper`: those of `base`, changed by `delta`."""

    epoch: str
    upper: int
    base: ReadBase
    delta: Message | None

    @property
    def tag(self) -> str:
        """Its position as an HTTP entity tag."""
        return f'"{self.epoch}:{self.upper}"'


@dataclass(frozen=True, slots=True)
class Past:
    """All changes of a view in [lower, upper); the first and the last delta may reach beyond."""

    epoch: str
    lower: int
    upper: int
    deltas: list[Message]


class History:
    def __init__(self, view: str, limits: Limits, epochs: Epochs | None = None) -> None:
        self.view = view
        self.epochs = epochs or Epochs()
        self.log: Log | None = None
        self.base: ReadBase | None = None
        """The last base that was read; none if the log has been trimmed above it."""
        self.audit = Audit()
        self.generation = 0
        self.base_reads = 0
        """How many bases were read."""
        self.mismatches = 0
        """How many bases disagreed with the log."""
        self.findings: Counter[Finding] = Counter()
        """The results of audits that were not counted yet."""
        self.check = PostCheck()
        self.posted_at: int | None = None
        self.engine_ahead: tuple[int, int] | None = None
        """(upper, now) of the first base above the head, until the head reaches it."""
        self.folded = FoldedDeltas(limits)
        self._recreated_at: int | None = None
        """When the epoch changed while a pipeline posted."""
        self._limits = limits
        self._schedule = AuditSchedule(limits)
        self._checksum_at: int | None = None

    @property
    def head(self) -> int:
        return self.log.head if self.log is not None else 0

    @property
    def has_ended(self) -> bool:
        """Whether the view can no longer change in this epoch."""
        return self.head == MAX_TIME or self.check.is_still

    def awaits_log(self, now: int) -> bool:
        """Whether the pipeline of a view that was recreated will soon post of the new epoch.

        A base that is read before that can be below the log, and then another one is needed.
        """
        return (
            self.log is None
            and self._recreated_at is not None
            and now - self._recreated_at < self._limits.recreate_patience
        )

    # --- the pipeline ------------------------------------------------------------------------

    def extend(self, post: Post) -> Extended:
        """Append a delta that was posted."""
        if post.delta.epoch != self.epochs.current:
            is_settled = self.epochs.settled > post.asked
            return Extended(Outcome.ENDED if is_settled else Outcome.UNKNOWN)
        delta_or_refusal = self._check(post)
        if isinstance(delta_or_refusal, Extended):
            return delta_or_refusal
        delta, log, now = delta_or_refusal, self.log, post.received_at
        if log is None:
            log = self.restart_log(delta.lower, now)
        elif delta.lower > log.head:
            if now - log.moved_at < self._limits.gap_patience:
                return Extended(Outcome.GAP)
            log = self.restart_log(delta.lower, now)
        self.posted_at = now
        self._compare(log, now)  # a base may have waited for the log to begin
        part = log.new_part(delta)
        if part is None:
            return Extended(Outcome.HAD)
        return Extended(Outcome.TAKEN, part, self._append(log, part, now))

    def _check(self, post: Post) -> Delta | Extended:
        """Return the delta, as far as it can be taken, or why it cannot be."""
        return self.check.decide(post, self.head)

    def follow_time(self, now: int) -> Delta | None:
        """Return the progress of a view that no pipeline posts any more, since it is still."""
        upper = self.check.time(now)
        if not self.check.is_still or self.epochs.current is None or upper <= self.head:
            return None
        return Delta(self.view, self.epochs.current, self.head, upper, [])

    def _append(self, log: Log, delta: Delta, now: int) -> Message:
        self.audit.add(delta.updates)
        self.check.add(delta)
        delta.checksum = self._due_checksum(now)
        message = Message(encode(delta), self._limits.compress_from)
        log.append(delta.upper, message if delta.updates else None, now)
        self.folded.cache.clear()
        if self.engine_ahead is not None and log.head >= self.engine_ahead[0]:
            self.engine_ahead = None
        self._compare(log, now)
        return message

    def _due_checksum(self, now: int) -> int | None:
        """Return the checksum of the rows at the head, if it is time to send it again."""
        checksum, last = self.audit.checksum, self._checksum_at
        if checksum is None or (last is not None and now - last < self._limits.checksum_every):
            return None
        self._checksum_at = now
        return checksum

    def restart_log(self, lower: int, now: int) -> Log:
        """Begin the log at `lower`: listeners below it need a base at or above it."""
        self.generation += 1
        self.log = Log(lower, now)
        self.folded.restart()
        self.audit.restart()
        self.check.restart()
        if self.base is not None and self.base.upper < lower:
            self.base = None
        return self.log

    # --- the engine --------------------------------------------------------------------------

    def learn(self, answer: EngineAnswer) -> Verdict:
        """Apply the engine's answer; a LATE one has no effect."""
        now = answer.received_at
        verdict = self.epochs.settle(answer.question, answer.epoch)
        if verdict is Verdict.LATE:
            return verdict
        if verdict is Verdict.CHANGED:
            self.forget_all()
            if self.posted_at is not None and now - self.posted_at < self._limits.stale_after:
                self._recreated_at = now
        if answer.time is not None:
            self.check.note_time(answer.time, answer.question.number, now)
        if answer.base is not None:
            self._keep_base(answer.base, now)
        return verdict

    def forget_all(self) -> None:
        """Drop everything of the last epoch."""
        self.generation += 1
        self.log = self.base = self.engine_ahead = None
        self.folded.restart()
        self.audit = Audit()
        self.check = PostCheck()

    @property
    def read_at(self) -> int:
        """The time of the last read of a base; 0 if there was none."""
        return self._schedule.read_at

    def wants_audit(self, now: int) -> bool:
        """Whether to read a base that no client asked for, to repair or to verify the log."""
        if self.audit.is_repair_due(now):
            return True
        if self.posted_at is None or self.log is None:
            return False  # there is nothing to compare
        is_fresh = now - self.posted_at < self._limits.stale_after
        return (is_fresh or self.has_ended) and self._schedule.is_due(self.log, now)

    def _keep_base(self, base: ReadBase, now: int) -> None:
        self.base = base
        self.base_reads += 1
        self._schedule.note_read(now)
        if self.log is not None and base.upper > self.head and self.engine_ahead is None:
            self.engine_ahead = (base.upper, now)
        is_consistent = self.check.note_base(base.upper, len(base.columns), base.asked)
        if base.upper < MAX_TIME:
            self.check.note_time(base.upper, base.asked, now)
        if not is_consistent and self.log is not None and self.head < MAX_TIME:
            self.mismatches += 1
            self.restart_log(self.head + 1, now)  # its rows are no rows of the view
        self.audit.note_base(base.upper, base.checksum)
        if self.log is not None:
            self._compare(self.log, now)

    def _compare(self, log: Log, now: int) -> None:
        finding = self.audit.compare(log, now)
        if finding is not Finding.NOTHING:
            self.findings[finding] += 1
        if finding in (Finding.DISAGREES, Finding.REPAIR):
            self.mismatches += 1
        if finding is Finding.REPAIR and log.head < MAX_TIME:
            # A client at a base's upper ignores it: the new base must be above the wrong rows.
            self.check.is_still = False
            self.restart_log(log.head + 1, now)

    # --- what is sent ------------------------------------------------------------------------

    def has_epoch(self, epoch: str | None) -> bool:
        """Whether `epoch` is the present one."""
        return epoch is not None and epoch == self.epochs.current

    def reaches(self, epoch: str | None, frontier: int) -> bool:
        """Whether the log can bring a client at that position to the head."""
        return self.log is not None and self.has_epoch(epoch) and frontier >= self.log.lower

    def delta_since(self, frontier: int) -> Message:
        """Return one folded delta from `frontier` to the head, for clients exactly there."""
        message = self.folded.cache.get(frontier)
        if message is None:
            message = self._fold(frontier)
            if frontier <= self.head:
                self.folded.cache.put(frontier, message)
        return message

    def _fold(self, frontier: int) -> Message:
        assert self.log is not None
        assert self.epochs.current is not None
        fold = self.folded.fold_to_head(self.log, frontier)
        upper = max(frontier, self.head)
        delta = Delta(
            self.view,
            self.epochs.current,
            frontier,
            upper,
            [(upper - 1, weight, row) for row, weight in fold.rows()],
            folded=fold.has_updates,
            checksum=self.audit.checksum if upper == self.head else None,
        )
        return Message(encode(delta), self._limits.compress_from)

    def extend_base(self, base: ReadBase) -> Snapshot:
        """Bring a base, which must not be below the log, to the head."""
        epoch = self.epochs.current
        assert epoch is not None
        if base.upper >= self.head:
            return Snapshot(epoch, base.upper, base, None)
        return Snapshot(epoch, self.head, base, self.delta_since(base.upper))

    def past(self, epoch: str, upper: int, since: int, max_bytes: int) -> Past | None:
        """Return the log's changes below `upper`, back to `since`; None in another epoch."""
        if self.log is None or not self.has_epoch(epoch):
            return None
        lower, deltas = self.log.read_back(upper, since, max_bytes)
        return Past(epoch, lower, upper, deltas)

    def bytes_since(self, frontier: int) -> int:
        """Return the size of `delta_since`, or of the log where that is too much to fold."""
        assert self.log is not None
        size = self.log.size_since(frontier)
        return size if size > self._limits.fold_at_once else self.delta_since(frontier).size

    def fold_step(self, frontier: int) -> bool:
        """Fold one step of what came since `frontier`; return True once `delta_since` is quick."""
        assert self.log is not None
        return self.folded.step(self.log, frontier)

    def trim(self, now: int, pinned: int | None, below: int = 0) -> None:
        """Drop deltas that are too many, too old or `below` a time, except those above `pinned`."""
        if self.log is None:
            return
        self.log.trim(
            max_bytes=self._limits.log_bytes,
            oldest=now - self._limits.log_age,
            pinned=pinned,
            below=below,
        )
        if self.base is not None and self.base.upper < self.log.lower:
            self.base = None
