"""One view: its history, its listeners, and what it wants from the engine.

`serving.py` decides what each listener is sent. Only `Hub` and `Questions` have views, and change
them: others get a `ViewReport`.
"""

from __future__ import annotations

from collections.abc import Iterable

from server.hub.engine_answer import EngineAnswer, EngineFailure
from server.hub.epochs import Question, Verdict
from server.hub.fanout import Fanout
from server.hub.history import History, Snapshot
from server.hub.limits import Limits
from server.hub.listener import Client, Feed, Listener, Pending
from server.hub.paces import merge_deltas
from server.hub.post_check import Extended, Post
from server.hub.serving import Need, Serving
from server.hub.states import HAS_NOTHING, Event, State
from server.hub.status import Failures, StatusBoard, ViewReport, encode_status
from server.hub.tallies import Resume
from viewstream.protocol import Position, Status

BAD_REQUEST = 4400
"""The close code for a client that asked for nothing that it can be sent."""
NEEDS_WEIGHTS = "the view has too many equal rows for a client that takes no weights (weights=1)"


class View:
    def __init__(self, history: History, limits: Limits, fanout: Fanout) -> None:
        self.name = history.view
        self.history = history
        self.feed = Feed(self.name, history)
        self._feeds = {0: self.feed}
        """A feed for each pace that a listener has, and the one without pauses."""
        self.failures = Failures()
        self.board = self._make_board(limits)
        self.listeners: dict[Listener, None] = {}
        """In the order in which they came: clients are sent everything in the order in which their
        sockets were made, since a jump to another place in memory makes a send a tenth slower."""
        self.wants_base = True
        self.wants_epoch = True
        self._fanout = fanout
        self._serving = Serving(self.feed, self.failures, self.board, limits, fanout)
        self._limits = limits
        self._generation = 0
        self._was_awaiting_log = False

    def _make_board(self, limits: Limits) -> StatusBoard:
        return StatusBoard(self.history, self.failures, limits)

    def report(self, now: int) -> ViewReport:
        return self.board.make_report(now, listeners=len(self.listeners))

    # --- listeners ---------------------------------------------------------------------------

    def subscribe(self, client: Client, position: Position | None) -> Listener:
        """Add a listener, from `position` on if the client has been here before."""
        listener = Listener(client, self._feed_of(client.every), position)
        listener.feed.listeners += 1
        self.listeners[listener] = None
        self._fanout.queue.add(listener)
        return listener

    def _feed_of(self, every: int) -> Feed:
        feed = self._feeds.get(every)
        if feed is None:
            feed = self._feeds[every] = Feed(self.name, self.history, every)
            feed.flushed = self.history.head
        return feed

    @property
    def paced_feeds(self) -> list[Feed]:
        """The feeds of all paces but the one without pauses."""
        if len(self._feeds) == 1:
            return []
        return [feed for feed in self._feeds.values() if feed.every]

    def unsubscribe(self, listener: Listener) -> None:
        feed = listener.feed
        if listener in self.listeners:
            del self.listeners[listener]
            feed.listeners -= 1
        feed.without_status.discard(listener)
        self._fanout.move(listener, Event.LEFT)
        if not feed.listeners and feed.every and self._feeds.get(feed.every) is feed:
            del self._feeds[feed.every]
            feed.clear()
        if not self.listeners and self.history.base_reads and self.failures.base is None:
            self.wants_base = False

    def serve(self, listener: Listener, now: int) -> None:
        """Send the listener what it can take now, and note what the engine has to be asked."""
        match self._serving.serve(listener, now):
            case Need.EPOCH:
                self.wants_epoch = True
                self._send_failure(listener)
            case Need.BASE:
                self.wants_base = True
                self._send_failure(listener)
            case Need.WEIGHTS:
                self._refuse(listener, NEEDS_WEIGHTS)

    def _send_failure(self, listener: Listener) -> None:
        if self.failures.reason is not None:
            self._fanout.write(listener.client, self.board.waiting())

    def _refuse(self, listener: Listener, reason: str) -> None:
        """Serve the view no longer to a client, which keeps its other views."""
        client = listener.client
        self._fanout.write(client, encode_status(Status(self.name, "refused", reason)))
        self.unsubscribe(listener)
        del client.listeners[self.name]
        if not client.listeners:
            client.close(BAD_REQUEST, reason)

    def snapshot(self, asked: int, now: int) -> Snapshot | None:
        """Return the rows at the head, or None if a base has to be read first.

        `asked` is the last question when the request came.
        """
        snapshot = self._serving.snapshot(asked, now)
        if snapshot is None:
            self.wants_base = True
        return snapshot

    def on_flushed(self) -> None:
        """All that was pending has been handed to the live listeners that have no pace."""
        if not any(feed.pending for feed in self.paced_feeds):
            _drop_encodings(self.feed.pending)
        self._empty(self.feed)

    def merge_pending(self, feed: Feed) -> None:
        """Merge what is pending in a feed with a pace, before it is flushed."""
        merged = merge_deltas(feed.pending, self._limits.compress_from)
        _drop_encodings(set(feed.pending).difference(merged))
        feed.pending = merged

    def on_paced_flush(self, feed: Feed) -> None:
        """All that was pending has been handed to the live listeners of that pace."""
        _drop_encodings(feed.pending)
        self._empty(feed)

    def _empty(self, feed: Feed) -> None:
        feed.clear()
        feed.flushed = self.history.head
        if feed.ahead:
            for listener in [one for one in feed.ahead if one.frontier <= feed.flushed]:
                self._fanout.move(listener, Event.FLUSHED)

    # --- the history -------------------------------------------------------------------------

    def publish(self, post: Post) -> Extended:
        """Append a delta, and have its new part sent to the live listeners."""
        history = self.history
        extended = history.extend(post)
        self.follow_history()
        if history.findings:
            self._fanout.tallies.take_audits(self.name, history.findings)
        if extended.message is not None:
            for feed in self._feeds.values():
                feed.add(extended.message, history.head)
            self.board.on_delta(post.received_at)
            if history.log is not None and history.log.size > self._limits.log_bytes:
                self._trim_log(post.received_at)
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
        for feed in self._feeds.values():
            feed.clear()
            # The first part of a log that begins with this very POST is still to be flushed.
            feed.flushed = self.history.log.lower if self.history.log is not None else 0

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
        self._serving.drop_idle()
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
        is_queued = any(self._fanout.queue.count(feed) for feed in self._feeds.values())
        if self.history.base is not None and is_queued:
            pins.append(self.history.base.upper)
        self.history.trim(now, min(pins, default=None))

    def _send_status(self, now: int) -> None:
        """Send the status to all for which it is due: to live listeners with the next flush."""
        is_due_for_live = self.board.is_due_for_live(now)
        message = self.board.renew(now)
        if is_due_for_live:
            for feed in self._feeds.values():
                feed.add(message)
        for listener in self.listeners:
            if not listener.is_live:
                self._write_status(listener)

    def _write_status(self, listener: Listener) -> None:
        has_nothing = listener.state in HAS_NOTHING
        status = self.board.waiting() if has_nothing else self.board.message
        if listener.client.is_ready and self._fanout.write(listener.client, status):
            listener.feed.without_status.discard(listener)
        else:
            listener.feed.without_status.add(listener)

    def on_drained(self, listener: Listener) -> None:
        """Serve a listener whose client can be written to again."""
        self._fanout.queue.add(listener)
        if listener in listener.feed.without_status:
            self._write_status(listener)


def _drop_encodings(pending: Iterable[Pending]) -> None:
    """Free what was encoded: the log keeps the messages, and reads their payloads."""
    for one in pending:
        one.message.drop_encodings()
