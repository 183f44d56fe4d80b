"""What a server knows of one view's history: its epoch, the log, the last base, the audit.

It knows no listeners. Whenever what was known is void, because the log begins anew or the epoch is
another, `generation` grows: whoever stood in the last one has to be looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from server.framing import Message
from server.hub.audit import Audit, Finding
from server.hub.base import ReadBase
from server.hub.epochs import Epochs, Question, Verdict
from server.hub.folds import PIECE, Fold, Folds
from server.hub.limits import Limits
from server.hub.log import Log
from server.hub.rounds import Rounds
from viewstream.protocol import MAX_TIME, Delta, Position, encode


class Outcome(Enum):
    """What became of a POST."""

    TAKEN = "its updates are in the log"
    HAD = "all of it was there already"
    GAP = "it begins above the head, and what is missing may yet come"
    ENDED = "its epoch is over"
    UNKNOWN = "its epoch is not the hub's: the engine is to be asked"


@dataclass(frozen=True, slots=True)
class Posted:
    """The outcome of a POST; `message` is the new part, for those who stand at the old head."""

    outcome: Outcome
    message: Message | None = None


class History:
    def __init__(self, view: str, limits: Limits) -> None:
        self.view = view
        self.epochs = Epochs()
        self.log: Log | None = None
        self.base: ReadBase | None = None
        self.audit = Audit()
        self.generation = 0
        self.mismatches = 0
        """How many bases were not what the log had come to."""
        self.posted_at: int | None = None
        self.engine_ahead: tuple[int, int] | None = None
        """(upper, now) of the first base above the head, until the head reaches it."""
        self._limits = limits
        self._rounds = Rounds(limits)
        self.folds = Folds(limits.fold_bytes)
        self.folding: Fold | None = None
        """What is folded in pieces: for one place at a time."""
        self._moved_at = 0
        self._checksum_at: int | None = None

    @property
    def head(self) -> int:
        return self.log.head if self.log is not None else 0

    @property
    def position(self) -> Position | None:
        """Where the log ends; None if there is no log."""
        if self.log is None or self.epochs.current is None:
            return None
        return Position(self.epochs.current, self.log.head)

    # --- the pipeline ------------------------------------------------------------------------

    def post(self, delta: Delta, now: int, asked: int) -> Posted:
        """Take a delta that came when the last question to the engine was number `asked`."""
        if delta.epoch != self.epochs.current:
            is_settled = self.epochs.settled > asked
            return Posted(Outcome.ENDED if is_settled else Outcome.UNKNOWN)
        log = self.log
        if log is None:
            log = self._begin(delta.lower, now)
        elif delta.lower > log.head:
            if now - self._moved_at < self._limits.gap_patience:
                return Posted(Outcome.GAP)
            log = self._begin(delta.lower, now)
        self.posted_at = now
        self._compare(log, now)  # a base may have waited for the log to begin
        part = log.cut(delta)
        if part is None:
            return Posted(Outcome.HAD)
        return Posted(Outcome.TAKEN, self._append(log, part, now))

    def _append(self, log: Log, delta: Delta, now: int) -> Message:
        self.audit.appended(delta.updates)
        delta.checksum = self._due_checksum(now)
        message = Message(encode(delta), self._limits.compress_from)
        log.append(delta.upper, message if delta.updates else None, now)
        self.folds.clear()
        self._moved_at = now
        self._rounds.moved(now)
        if self.engine_ahead is not None and log.head >= self.engine_ahead[0]:
            self.engine_ahead = None
        self._compare(log, now)
        return message

    def _due_checksum(self, now: int) -> int | None:
        """The checksum of the rows at the head, if it is time to say it."""
        checksum, last = self.audit.checksum, self._checksum_at
        if checksum is None or (last is not None and now - last < self._limits.checksum_every):
            return None
        self._checksum_at = now
        return checksum

    def _begin(self, lower: int, now: int) -> Log:
        """Begin the log at `lower`: who stands below it needs a base that does not."""
        self.generation += 1
        self.log = Log(lower)
        self.folding = None
        self.folds.clear()
        self.audit.began()
        self._rounds.moved(now)
        if self.base is not None and self.base.upper < lower:
            self.base = None
        return self.log

    # --- the engine --------------------------------------------------------------------------

    def answered(self, question: Question, epoch: str, base: ReadBase | None, now: int) -> Verdict:
        """Take the engine's answer; one that is LATE counts for nothing."""
        verdict = self.epochs.answered(question, epoch)
        if verdict is Verdict.LATE:
            return verdict
        if verdict is Verdict.CHANGED:
            self._end()
        if base is not None:
            self._keep(base, now)
        return verdict

    def _end(self) -> None:
        """Another epoch: nothing of the last one is of use."""
        self.generation += 1
        self.log = self.base = self.engine_ahead = self.folding = None
        self.folds.clear()
        self.audit = Audit()

    def wants_base(self, now: int) -> bool:
        """Whether a base is to be read for the history's own sake: to repair it, or to prove it."""
        if self.audit.repair_is_due(now):
            return True
        if self.posted_at is None or now - self.posted_at >= self._limits.stale_after:
            return False  # there is nothing to be compared
        return self.log is not None and self.head < MAX_TIME and self._rounds.is_due(now)

    def _keep(self, base: ReadBase, now: int) -> None:
        self.base = base
        self._rounds.read(now)
        if self.log is not None and base.upper > self.head and self.engine_ahead is None:
            self.engine_ahead = (base.upper, now)
        self.audit.based(base.upper, base.checksum)
        if self.log is not None:
            self._compare(self.log, now)

    def _compare(self, log: Log, now: int) -> None:
        finding = self.audit.compare(log, now)
        if finding in (Finding.DISAGREES, Finding.REPAIR):
            self.mismatches += 1
        if finding is Finding.REPAIR and log.head < MAX_TIME:
            # A base changes nothing for who is at its upper: it must be above what is wrong.
            self._begin(log.head + 1, now)

    # --- what is sent of it ------------------------------------------------------------------

    def is_of_now(self, epoch: str | None) -> bool:
        return epoch is not None and epoch == self.epochs.current

    def reaches(self, epoch: str | None, frontier: int) -> bool:
        """Whether the log can bring who stands there to the head."""
        return self.log is not None and self.is_of_now(epoch) and frontier >= self.log.lower

    def delta_since(self, frontier: int) -> Message:
        """One delta from `frontier` to the head, folded: for those who stand exactly there."""
        message = self.folds.get(frontier)
        if message is None:
            message = self._fold(frontier)
            if frontier <= self.head:
                self.folds.put(frontier, message)
        return message

    def fold_some(self, frontier: int) -> bool:
        """Fold a piece of what came since `frontier`; True if `delta_since` is quick by now."""
        assert self.log is not None
        if self.log.size_since(frontier) <= self._limits.max_folded:
            return True
        if self.folding is None or self.folding.frontier != frontier:
            self.folding = Fold(frontier)
        return self.folding.advance(self.log, min(PIECE, self._limits.max_folded))

    def _fold(self, frontier: int) -> Message:
        assert self.log is not None
        assert self.epochs.current is not None
        if self.folding is not None and self.folding.frontier == frontier:
            self.folding.advance(self.log, self.log.size + 1)
            rows = self.folding.rows()
        else:
            found = self.log.since(frontier)
            assert found is not None
            rows = found
        upper = max(frontier, self.head)
        delta = Delta(
            self.view,
            self.epochs.current,
            frontier,
            upper,
            [(upper - 1, weight, row) for row, weight in rows],
            folded=bool(rows),
            checksum=self.audit.checksum if upper == self.head else None,
        )
        return Message(encode(delta), self._limits.compress_from)

    def trim(self, now: int, pinned: int | None) -> None:
        """Forget what is too much or too old, but for what lies above `pinned`."""
        if self.log is None:
            return
        self.log.trim(
            max_bytes=self._limits.log_bytes,
            oldest=now - self._limits.log_age,
            pinned=pinned,
        )
        if self.base is not None and self.base.upper < self.log.lower:
            self.base = None
