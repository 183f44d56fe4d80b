"""One view: its history, its listeners, and what each of them is sent.

Every listener passes through `serve` whenever something may have become possible for it: it came,
its client drained, a base or another answer of the engine arrived, the log restarted, a flush
reached it. `serve` looks at its state and does what comes next.

Changed by `Hub` only, which is the only one that has views: others get a `ViewReport`.
"""

from __future__ import annotations

from server.framing import Message
from server.hub.base_or_delta import BaseOrDelta, Choice
from server.hub.engine_answer import EngineAnswer, EngineFailure, ReadBase
from server.hub.epochs import Question, Verdict
from server.hub.fanout import Fanout
from server.hub.history import History, Snapshot
from server.hub.limits import Limits
from server.hub.listener import Client, Feed, Listener, Pending
from server.hub.post_check import Extended
from server.hub.states import HAS_NOTHING, Event, State
from server.hub.status import Failures, StatusBoard, ViewReport, encode_status
from server.hub.tallies import Resume
from viewstream.protocol import Delta, Position, Status, encode

BAD_REQUEST = 4400
"""The close code for a client that asked for nothing that it can be sent."""
NEEDS_WEIGHTS = "the view has too many equal rows for a client that takes no weights (weights=1)"


class View:
    def __init__(self, history: History, limits: Limits, fanout: Fanout) -> None:
        self.name = history.view
        self.history = history
        self.feed = Feed(self.name, history)
        self.failures = Failures()
        self.board = self._make_board(limits)
        self.listeners: set[Listener] = set()
        self.wants_base = True
        self.wants_epoch = True
        self._limits = limits
        self._base_or_delta = BaseOrDelta(self.history, limits)
        self._fanout = fanout
        self._generation = 0
        self._was_awaiting_log = False
        self._folder: Listener | None = None

    def _make_board(self, limits: Limits) -> StatusBoard:
        return StatusBoard(self.history, self.failures, limits)

    @property
    def is_failing(self) -> bool:
        return self.failures.reason is not None

    def report(self, now: int) -> ViewReport:
        return self.board.make_report(now, listeners=len(self.listeners))

    # --- listeners ---------------------------------------------------------------------------

    def subscribe(self, client: Client, position: Position | None) -> Listener:
        """Add a listener, from `position` on if the client has been here before."""
        listener = Listener(client, self.feed, position)
        self.listeners.add(listener)
        self._fanout.queue.add(listener)
        return listener

    def unsubscribe(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        self._fanout.move(listener, Event.LEFT)
        if not self.listeners and self.history.base_reads and self.failures.base is None:
            self.wants_base = False

    def serve(self, listener: Listener, now: int) -> None:
        """Send the listener what it can take now, if its client can be written to."""
        if not listener.client.is_ready:
            return
        self.board.refresh(now)
        match listener.state:
            case State.CHECKING_EPOCH:
                self.wants_epoch = True
                self._send_failure(listener)
            case State.WAITING_FOR_BASE:
                if not self.history.awaits_log(now):
                    self._serve_base(listener, now)
            case State.RESUMING | State.CATCHING_UP:
                self._catch_up(listener)

    # --- bases -------------------------------------------------------------------------------

    def _serve_base(self, listener: Listener, now: int) -> None:
        decide, is_failing = self._base_or_delta, self.is_failing
        base = decide.fitting_base(listener)
        if base is not None and decide.is_worth_sending(
            base, listener.asked, now, is_failing=is_failing
        ):
            self._send_base(listener, base)
        elif self._is_base_in_vain(listener):
            self._fanout.move(listener, Event.BASE_IN_VAIN)
            self._bring_to_head(listener)
        else:
            self.wants_base = True
            self._send_failure(listener)

    def _is_base_in_vain(self, listener: Listener) -> bool:
        """Whether the engine gave no base that fits since the listener waits, and the log does."""
        base = self.history.base
        is_answered = base is not None and base.asked > listener.asked
        return (self.is_failing or is_answered) and self.history.reaches(
            listener.epoch, listener.frontier
        )

    def _send_base(self, listener: Listener, base: ReadBase) -> None:
        """Send `base`, then the status and what came since."""
        message = base.message_for(takes_weights=listener.client.takes_weights)
        if message is None:
            self._refuse(listener, NEEDS_WEIGHTS)
            return
        if not self._fanout.write_base(listener, base, message):
            return
        if listener.why_base is not None:
            self._fanout.tallies.count_resume(self.name, listener.why_base)
            listener.why_base = None
        listener.epoch = self.history.epochs.current
        listener.frontier = base.upper
        self._fanout.move(listener, Event.BASE_SENT)
        if listener.client.is_ready:
            self._fanout.write(listener.client, self.board.message)
            self._catch_up_after_base(listener)
        else:
            self._fanout.slow.close_for_bases(self.feed)

    def _refuse(self, listener: Listener, reason: str) -> None:
        """Serve the view no longer to a client, which keeps its other views."""
        client = listener.client
        self._fanout.write(client, encode_status(Status(self.name, "refused", reason)))
        self.unsubscribe(listener)
        del client.listeners[self.name]
        if not client.listeners:
            client.close(BAD_REQUEST, reason)

    def _catch_up_after_base(self, listener: Listener) -> None:
        log = self.history.log
        if log is None or not listener.client.is_ready:
            return
        if log.size_since(listener.frontier) > self._limits.fold_at_once:
            self._fanout.queue.add(listener)
        else:
            self._bring_to_head(listener)

    def snapshot(self, asked: int, now: int) -> Snapshot | None:
        """Return the rows at the head, or None if a base has to be read first.

        `asked` is the last question when the request came.
        """
        decide, base, log = self._base_or_delta, self.history.base, self.history.log
        if (
            base is not None
            and decide.is_usable(base)
            and decide.is_worth_sending(base, asked, now, is_failing=self.is_failing)
            and (log is None or log.size_since(base.upper) <= self._limits.fold_at_once)
        ):
            return self.history.extend_base(base)
        self.wants_base = True
        return None

    # --- deltas ------------------------------------------------------------------------------

    def _catch_up(self, listener: Listener) -> None:
        """Bring a listener that has a position to the head, by delta or base."""
        log = self.history.log
        if log is None:
            if listener.state is State.RESUMING:
                self._acknowledge(listener)
        elif listener.frontier < log.lower:
            self._need_base(listener, Resume.LOG_TRIMMED)
        elif self._may_fold(listener) and not self.history.fold_step(listener.frontier):
            self._folder = listener
            self._fanout.queue.add(listener)  # to continue in another turn
        elif self._choose(listener) is Choice.BASE:
            self._need_base(listener, Resume.FEWER_BYTES)
        else:
            self._bring_to_head(listener)

    def _need_base(self, listener: Listener, why: Resume) -> None:
        if listener.state is State.RESUMING:
            listener.why_base = why
        self._fanout.move(listener, Event.BASE_NEEDED)

    def _choose(self, listener: Listener) -> Choice:
        decide, is_failing = self._base_or_delta, self.is_failing
        choice = decide.before_folding(listener, is_failing=is_failing)
        if choice is not Choice.FOLD:
            return choice
        base = decide.fitting_base(listener)
        folded = self.history.delta_since(listener.frontier).size
        rest = 0 if base is None else self.history.bytes_since(base.upper)
        return decide.after_folding(base, folded, rest, is_failing=is_failing)

    def _may_fold(self, listener: Listener) -> bool:
        """Whether much may be folded for it: not while that is done for another frontier.

        Otherwise each of many clients that come back from far would wait for all before it, and a
        base is quick.
        """
        folding, folder = self.history.folds.unfinished, self._folder
        if folding is None or folder is None or folding.frontier == listener.frontier:
            return True
        return folder not in self._fanout.queue or folder.state is State.GONE

    def _acknowledge(self, listener: Listener) -> None:
        """Confirm the position of a client that resumed, while there is no log."""
        at = listener.frontier
        empty = Delta(self.name, listener.epoch or "", at, at, [])
        if self._fanout.write(listener.client, Message(encode(empty))):
            self._on_answer_sent(listener)

    def _bring_to_head(self, listener: Listener) -> None:
        head = self.history.head
        if listener.frontier < head or listener.state is State.RESUMING:
            delta, upper = self.history.delta_since(listener.frontier), max(listener.frontier, head)
            moved = listener, self.feed.position(upper)
            if not self._fanout.write(listener.client, delta, moved):
                return
            listener.frontier = upper
            if listener.state is State.RESUMING:
                self._on_answer_sent(listener)
        if listener.client.is_ready:
            is_there = listener.frontier == self.feed.flushed
            self._fanout.move(listener, Event.CAUGHT_UP if is_there else Event.PASSED_FLUSH)

    def _on_answer_sent(self, listener: Listener) -> None:
        self._fanout.tallies.count_resume(self.name, Resume.DELTA)
        listener.why_base = None
        self._fanout.move(listener, Event.ANSWERED)
        if listener.client.is_ready:
            self._fanout.write(listener.client, self.board.message)

    def on_flushed(self) -> None:
        """All that was pending has been handed to the live listeners."""
        for pending in self.feed.pending:
            pending.message.drop_encodings()  # the log keeps the message, and reads its payload
        self.feed.pending.clear()
        self.feed.flushed = self.history.head
        for listener in [one for one in self.feed.ahead if one.frontier <= self.feed.flushed]:
            self._fanout.move(listener, Event.FLUSHED)

    # --- the history -------------------------------------------------------------------------

    def publish(self, delta: Delta, now: int, asked: int) -> Extended:
        """Take a delta that came when the last question to the engine was number `asked`."""
        extended = self.history.extend(delta, now, asked)
        self.follow_history()
        self._fanout.tallies.take_audits(self.name, self.history.findings)
        if extended.message is not None:
            self.feed.pending.append(Pending(extended.message, self.history.head))
            self._trim_log(now)
        return extended

    def on_answer(self, answer: EngineAnswer) -> bool:
        """Take the engine's answer; return False if it came too late: ask again."""
        if self.history.learn(answer) is Verdict.LATE:
            return False
        self.failures.clear(of_base=answer.base is not None)
        self._fanout.tallies.take_audits(self.name, self.history.findings)
        if answer.base is not None:
            self.wants_base = False
        self.follow_history()
        self.decide_epochs(answer.question)
        return True

    def on_failure(self, failure: EngineFailure) -> None:
        """The engine did not answer, or cannot read the view."""
        before = self.failures.reason
        self.failures.note(failure)
        is_new = self.failures.reason != before
        for listener in self.listeners:
            reaches = self.history.reaches(listener.epoch, listener.frontier)
            if listener.state in HAS_NOTHING and (is_new or reaches):
                self._fanout.queue.add(listener)

    def follow_history(self) -> None:
        """If the log restarted or the epoch changed, move every listener accordingly."""
        if self._generation == self.history.generation:
            return
        self._generation = self.history.generation
        for listener in self.listeners:
            is_of_now = self.history.has_epoch(listener.epoch)
            self._fanout.move(listener, Event.LOG_RESTARTED if is_of_now else Event.EPOCH_CHANGED)
        self.feed.pending.clear()
        # The first part of a log that begins with this very POST is still to be flushed.
        self.feed.flushed = self.history.log.lower if self.history.log is not None else 0

    def decide_epochs(self, question: Question) -> None:
        """Decide about listeners whose epoch was unknown; serve all that are not live."""
        for listener in self.listeners:
            if listener.state is State.CHECKING_EPOCH and question.number > listener.asked:
                listener.why_base = Resume.EPOCH_ENDED
                self._fanout.move(listener, Event.EPOCH_DENIED)
            if not listener.is_live:
                self._fanout.queue.add(listener)

    # --- time --------------------------------------------------------------------------------

    def maintain(self, now: int) -> None:
        """Trim, schedule audits, send the status; about once a second."""
        self._trim_log(now)
        if self._folder is not None and self._folder not in self._fanout.queue:
            self._folder = self.history.folds.unfinished = None
        if self.history.wants_audit(now):
            self.wants_base = True
        is_awaiting_log = self.history.awaits_log(now)
        if self._was_awaiting_log and not is_awaiting_log:
            for listener in self.listeners:
                self._fanout.queue.add(listener)
        self._was_awaiting_log = is_awaiting_log
        if self.failures.may_return(now):
            self.wants_epoch = True
        if self.board.is_due(now):
            self._send_status(now)

    def _trim_log(self, now: int) -> None:
        pins = [base.upper for base in self._fanout.slow.bases_on_their_way(self.feed)]
        if self.history.base is not None and self._fanout.queue.count(self.feed):
            pins.append(self.history.base.upper)
        self.history.trim(now, min(pins, default=None))

    def _send_status(self, now: int) -> None:
        """Send the status to all: to live listeners with the next flush."""
        message = self.board.renew(now)
        self.feed.pending.append(Pending(message))
        waiting = self.board.waiting()
        for listener in self.listeners:
            if not listener.is_live and listener.client.is_ready:
                has_nothing = listener.state in HAS_NOTHING
                self._fanout.write(listener.client, waiting if has_nothing else message)

    def _send_failure(self, listener: Listener) -> None:
        if self.is_failing:
            self._fanout.write(listener.client, self.board.waiting())
