"""One view: who listens, what is known of its history, and who gets what of it.

Every listener passes through `serve`, whenever something may have become possible for it: it came,
its client drained, a base or an answer of the engine arrived, the head moved. `serve` looks at
where the listener stands and does the one thing that is right there.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from server.framing import Message
from server.hub.audit import Audit, Finding
from server.hub.base import ReadBase
from server.hub.client import Client, Listener
from server.hub.epochs import Epochs, Question, Verdict
from server.hub.fanout import Fanout
from server.hub.limits import Limits
from server.hub.log import Log
from server.protocol import MAX_TIME, Delta, Position, Status, encode

MAX_FOLDED = 1 << 20
"""Bytes of the log that are folded for one listener; for more a base is read, if that is less."""
ALWAYS_WORTH = 64 << 10
"""A base with at most so many bytes of log after it is sent again rather than read anew."""
NO_LOG_WORTH = 1_000
"""Milliseconds for which a base is sent again while there is no log to bring it up to date."""


class Outcome(Enum):
    """What became of a POST."""

    TAKEN = "its updates are in the log"
    HAD = "all of it was there already"
    GAP = "it begins above the head, and what is missing may yet come"
    ENDED = "its epoch is over"
    UNKNOWN = "its epoch is not the hub's: the engine is to be asked"


class View:
    """Changed through its hub only; `work` is called when the hub has something to do for it."""

    def __init__(
        self, name: str, limits: Limits, fanout: Fanout, queue: Callable[[Listener], None]
    ) -> None:
        self.name = name
        self.epochs = Epochs()
        self.audit = Audit()
        self.log: Log | None = None
        self.base: ReadBase | None = None
        self.listeners: set[Listener] = set()
        self.pending: list[Message] = []
        """What those who are live have not been sent yet."""
        self.flushed = 0
        """Where those who are live stand."""
        self.queued = 0
        """How many of its listeners the hub is about to serve."""
        self.wants_base = True
        self.wants_epoch = True
        self.unread: str | None = None
        """Why the last base could not be read."""
        self.unasked: str | None = None
        """Why the epoch could not be learned."""
        self.failures = 0
        """How many questions were not answered."""
        self.posted_at: int | None = None
        self.reads = 0
        """How many bases were read."""
        self.audit_mismatches = 0
        """How many of them were not what the log had come to."""
        self._limits = limits
        self._fanout = fanout
        self._queue = queue
        self._writing: dict[Listener, ReadBase] = {}
        self._ahead: set[Listener] = set()
        self._since: dict[int, Message] = {}
        self._moved_at = 0
        self._checksum_at: int | None = None
        self._spoke_at = 0
        self._engine_at: tuple[int, int] | None = None  # upper of a base, since when
        self._status = self._encode(Status(name, "stale", "no pipeline has posted yet"))
        self._told: Status | None = None

    @property
    def failure(self) -> str | None:
        """Why the engine does not tell what is to be known, if so."""
        return self.unread or self.unasked

    @property
    def head(self) -> int:
        return self.log.head if self.log is not None else 0

    @property
    def position(self) -> Position | None:
        """Where the log ends, in words for a pipeline; None if there is no log."""
        if self.log is None or self.epochs.current is None:
            return None
        return Position(self.epochs.current, self.log.head)

    # --- listeners ---------------------------------------------------------------------------

    def join(self, client: Client, position: Position | None) -> Listener:
        """A client wants this view, from `position` on if it has been here."""
        listener = Listener(client, self, self.epochs.asked)
        if position is not None:
            listener.epoch, listener.frontier = position.epoch, position.frontier
            listener.is_foreign = position.epoch != self.epochs.current
            listener.is_waiting = False
            listener.is_owed = True
        self.listeners.add(listener)
        self._queue(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        self._fanout.leave(listener)
        self._ahead.discard(listener)
        self._writing.pop(listener, None)

    def drained(self, listener: Listener) -> None:
        """The listener's client can be written to again."""
        self._writing.pop(listener, None)
        self._queue(listener)

    def serve(self, listener: Listener, now: int) -> None:
        """Send the listener what it can take now, if its client can be written to."""
        if not listener.client.is_ready or listener.is_live or listener not in self.listeners:
            return
        if listener.is_foreign:
            self.wants_epoch = True
            self._tell_failure(listener)
        elif listener.is_waiting:
            self._serve_base(listener, now)
        else:
            self._catch_up(listener, now)

    def _serve_base(self, listener: Listener, now: int) -> None:
        base = self.base
        if base is not None and self._fits(base, listener) and self._is_worth(base, listener, now):
            self._give(base, listener, now)
        elif self._can_fold(listener) and self._asked_in_vain(base, listener):
            listener.is_waiting = False  # rather much of the log than nothing
            self._bring_to_head(listener)
        else:
            self.wants_base = True
            self._tell_failure(listener)

    def _asked_in_vain(self, base: ReadBase | None, listener: Listener) -> bool:
        """Whether the engine gave no base, or one that does not fit, since the listener waits."""
        return self.failure is not None or (base is not None and base.asked > listener.asked)

    def _fits(self, base: ReadBase, listener: Listener) -> bool:
        """Whether `base`, which is of the hub's epoch, can be what the listener has from now on."""
        if base.upper <= 1:
            return False  # read at time 0: the view was created this moment
        if self.log is not None and base.upper < self.log.lower:
            return False
        if base.asked <= listener.barrier:
            return False
        return not self._is_of_now(listener) or listener.frontier <= base.upper

    def _is_of_now(self, listener: Listener) -> bool:
        return listener.epoch == self.epochs.current

    def _is_worth(self, base: ReadBase, listener: Listener, now: int) -> bool:
        """Whether to send `base` rather than to read another one."""
        if base.asked > listener.asked or self.failure is not None:
            return True
        if self.log is None:
            return now - base.read_at <= NO_LOG_WORTH
        return self.log.size_since(base.upper) <= max(ALWAYS_WORTH, base.message.size // 2)

    def _give(self, base: ReadBase, listener: Listener, now: int) -> None:
        """Send `base`, and then what came since."""
        if not self._fanout.write(listener.client, base.message):
            return
        listener.epoch = self.epochs.current
        listener.frontier = base.upper
        listener.is_waiting = listener.is_owed = False
        if not listener.client.is_ready:
            self._writing[listener] = base
            self._bound_writing()
            return
        self._catch_up(listener, now)
        if listener.client.is_ready:
            self._fanout.write(listener.client, self._status)

    def _bound_writing(self) -> None:
        """Let go of who is slowest with the oldest base, rather than keep too many of them."""
        bases = list(dict.fromkeys(self._writing.values()))
        if len(bases) > self._limits.writing_bases:
            for listener, base in list(self._writing.items()):
                if base is bases[0]:
                    del self._writing[listener]
                    listener.client.close(4008, "too slow to take a base")

    def _catch_up(self, listener: Listener, now: int) -> None:
        """Bring a listener that stands somewhere to the head, by delta or base."""
        log = self.log
        if log is None:
            if listener.is_owed:
                self._answer(listener)
        elif listener.frontier < log.lower or self._prefers_base(listener):
            self._wait(listener)
            self._serve_base(listener, now)
        else:
            self._bring_to_head(listener)

    def _answer(self, listener: Listener) -> None:
        """Tell who resumed that it stands well: there is no log that could say more."""
        empty = Delta(self.name, listener.epoch or "", listener.frontier, listener.frontier, [])
        if self._fanout.write(listener.client, self._encode(empty)):
            listener.is_owed = False
            if listener.client.is_ready:
                self._fanout.write(listener.client, self._status)

    def _prefers_base(self, listener: Listener) -> bool:
        """Whether a base is fewer bytes than what the log says since the listener's frontier."""
        assert self.log is not None
        size = self.log.size_since(listener.frontier)
        base = self.base
        if base is None or not self._fits(base, listener):
            return size > MAX_FOLDED and self.failure is None
        if size <= base.message.size:
            return False
        if size > MAX_FOLDED:
            return True
        rest = self._delta_since(base.upper).size
        return base.message.size + rest < self._delta_since(listener.frontier).size

    def _can_fold(self, listener: Listener) -> bool:
        return (
            self.log is not None
            and self._is_of_now(listener)
            and listener.frontier >= self.log.lower
        )

    def _bring_to_head(self, listener: Listener) -> None:
        if listener.frontier < self.head or listener.is_owed:
            delta = self._delta_since(listener.frontier)
            if not self._fanout.write(listener.client, delta):
                return
            listener.frontier = max(listener.frontier, self.head)
            owed, listener.is_owed = listener.is_owed, False
            if owed and listener.client.is_ready:
                self._fanout.write(listener.client, self._status)
        if not listener.client.is_ready:
            return
        if listener.frontier == self.flushed:
            self._fanout.join(listener)
        else:
            self._ahead.add(listener)

    def _delta_since(self, frontier: int) -> Message:
        """One delta from `frontier` to the head, for those who stand exactly there."""
        message = self._since.get(frontier)
        if message is None:
            assert self.log is not None
            assert self.epochs.current is not None
            upper = max(frontier, self.head)
            rows = self.log.since(frontier)
            assert rows is not None
            updates = [(upper - 1, weight, row) for row, weight in rows]
            message = self._since[frontier] = self._encode(
                Delta(
                    self.name,
                    self.epochs.current,
                    frontier,
                    upper,
                    updates,
                    folded=bool(updates),
                    checksum=self.audit.checksum if upper == self.head else None,
                )
            )
        return message

    def _wait(self, listener: Listener) -> None:
        self._fanout.leave(listener)
        self._ahead.discard(listener)
        listener.is_waiting = True
        listener.asked = self.epochs.asked

    # --- the pipeline ------------------------------------------------------------------------

    def post(self, delta: Delta, now: int, asked: int) -> Outcome:
        """Take a delta that came when the last question to the engine was number `asked`."""
        if delta.epoch != self.epochs.current:
            return Outcome.ENDED if self.epochs.settled > asked else Outcome.UNKNOWN
        log = self.log
        if log is None:
            log = self._begin(delta.lower)
        elif delta.lower > log.head:
            if now - self._moved_at < self._limits.gap_patience:
                return Outcome.GAP
            log = self._begin(delta.lower)
        self.posted_at = now
        self._compare(log, now)  # a base may have waited for the log to begin
        part = log.cut(delta)
        if part is None:
            return Outcome.HAD
        self._append(log, part, now)
        return Outcome.TAKEN

    def _append(self, log: Log, delta: Delta, now: int) -> None:
        self.audit.appended(delta.updates)
        delta.checksum = self._due_checksum(now)
        message = self._encode(delta)
        log.append(delta.upper, message if delta.updates else None, now)
        self.pending.append(message)
        self._since.clear()
        self._moved_at = now
        if self._engine_at is not None and log.head >= self._engine_at[0]:
            self._engine_at = None
        self._compare(log, now)
        self._trim(now)

    def _due_checksum(self, now: int) -> int | None:
        """The checksum of the rows at the head, if it is time to say it."""
        checksum = self.audit.checksum
        if checksum is None or (
            self._checksum_at is not None and now - self._checksum_at < self._limits.checksum_every
        ):
            return None
        self._checksum_at = now
        return checksum

    def _begin(self, lower: int) -> Log:
        """Begin the log at `lower`: who stands below waits for a base."""
        for listener in self.listeners:
            self._fanout.leave(listener)
        self.log = Log(lower)
        self.flushed = lower
        self.pending.clear()
        self._ahead.clear()
        self._since.clear()
        self.audit.began()
        if self.base is not None and self.base.upper < lower:
            self.base = None
        for listener in self.listeners:
            self._queue(listener)  # who stands below `lower` will wait for a base
        return self.log

    def flush_done(self) -> None:
        """All that was pending has been handed to who is live."""
        self.pending.clear()
        self.flushed = self.head
        passed = [one for one in self._ahead if one.frontier <= self.flushed]
        for listener in passed:
            self._ahead.discard(listener)
            self._queue(listener)

    # --- the engine --------------------------------------------------------------------------

    def answered(self, question: Question, epoch: str, base: ReadBase | None, now: int) -> bool:
        """Take the engine's answer; False if it came too late to count, and is to be asked anew."""
        verdict = self.epochs.answered(question, epoch)
        if verdict is Verdict.LATE:
            return False
        if verdict is Verdict.CHANGED:
            self._end_history()
        self.unasked = None
        self._settle(question)
        if base is not None:
            self.unread = None
            self.reads += 1
            self._keep(base, now)
        return True

    def failed(self, reason: str, *, of_base: bool) -> None:
        """The engine did not answer, or cannot read the view."""
        before = self.failure
        self.failures += 1
        if of_base:
            self.unread = reason
        else:
            self.unasked = reason
        is_new = self.failure != before
        for listener in self.listeners:
            has_nothing = listener.is_waiting or listener.is_foreign
            if has_nothing and (is_new or self._can_fold(listener)):
                self._queue(listener)

    def _end_history(self) -> None:
        """Another epoch: nothing of the last one is of use, and who stands in it waits."""
        for listener in self.listeners:
            self._fanout.leave(listener)
            if not self._is_of_now(listener) and not listener.is_foreign:
                self._wait(listener)
        self.log = self.base = None
        self.flushed = 0
        self.pending.clear()
        self._ahead.clear()
        self._since.clear()
        self.audit = Audit()
        self._engine_at = None

    def _settle(self, question: Question) -> None:
        """Decide about those who came with an epoch that the hub did not have then."""
        for listener in self.listeners:
            if listener.is_foreign:
                if self._is_of_now(listener):
                    listener.is_foreign = False
                elif question.number > listener.asked:
                    listener.is_foreign = False
                    listener.barrier = listener.asked
                    self._wait(listener)
            if not listener.is_live:
                self._queue(listener)

    def _keep(self, base: ReadBase, now: int) -> None:
        self.wants_base = False
        self.base = base
        if base.upper > self.head and self.log is not None and self._engine_at is None:
            self._engine_at = (base.upper, now)
        self.audit.based(base.upper, base.checksum)
        if self.log is not None:
            self._compare(self.log, now)

    def _compare(self, log: Log, now: int) -> None:
        finding = self.audit.compare(log, now)
        if finding in (Finding.REPAIR, Finding.DISAGREES):
            self.audit_mismatches += 1
        if finding is Finding.REPAIR:
            self._repair(log)

    def _repair(self, log: Log) -> None:
        """Give everybody a base that is above what they have, since that is wrong."""
        if log.head < MAX_TIME:
            self._begin(log.head + 1)
            self.wants_base = bool(self.listeners)

    # --- time --------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """To be called about once a second."""
        self._trim(now)
        if self.audit.repair_is_due(now):
            self.wants_base = True
        self._speak(now)

    def _trim(self, now: int) -> None:
        if self.log is None:
            return
        pins = [base.upper for base in self._writing.values()]
        if self.base is not None and self.queued:
            pins.append(self.base.upper)
        self.log.trim(
            max_bytes=self._limits.log_bytes,
            oldest=now - self._limits.log_age,
            pinned=min(pins, default=None),
        )
        if self.base is not None and self.base.upper < self.log.lower:
            self.base = None

    def status(self, now: int) -> Status:
        """How alive the view is."""
        if self.posted_at is None or self.log is None:
            return Status(self.name, "stale", "no pipeline has posted yet")
        limit = self._limits.stale_after
        if now - self.posted_at >= limit:
            return Status(self.name, "stale", f"nothing was posted for {limit // 1000} s")
        if self._engine_at is not None and now - self._engine_at[1] >= limit:
            reason = f"what is posted has been behind the engine for {limit // 1000} s"
            return Status(self.name, "stale", reason)
        return Status(self.name, "live")

    def _speak(self, now: int) -> None:
        """Tell everybody the status when it has changed, or when nothing was said for long."""
        status = self.status(now)
        if status == self._told and now - self._spoke_at < self._limits.speak_every:
            return
        self._told, self._spoke_at = status, now
        self._status = self._encode(status)
        self.pending.append(self._status)
        waiting = self._waiting_status()
        for listener in self.listeners:
            if not listener.is_live and listener.client.is_ready:
                has_nothing = listener.is_waiting or listener.is_foreign
                self._fanout.write(listener.client, waiting if has_nothing else self._status)

    def _tell_failure(self, listener: Listener) -> None:
        if self.failure is not None:
            self._fanout.write(listener.client, self._waiting_status())

    def _waiting_status(self) -> Message:
        return self._encode(Status(self.name, "waiting", self.failure or "the view is being read"))

    def _encode(self, message: Delta | Status) -> Message:
        return Message(encode(message), self._limits.compress_from)
