"""One view: who listens, and who gets what of its history.

Every listener passes through `serve`, whenever something may have become possible for it: it came,
its client drained, a base or an answer of the engine arrived, the head moved. `serve` looks at
where the listener stands and does the one thing that is right there.
"""

from __future__ import annotations

from collections.abc import Callable

from server.framing import Message
from server.hub.base import ReadBase
from server.hub.choice import Choice
from server.hub.client import TOO_SLOW, Client, Listener
from server.hub.epochs import Question, Verdict
from server.hub.fanout import Fanout
from server.hub.history import History, Outcome
from server.hub.limits import Limits
from server.hub.status import StatusBoard
from viewstream.protocol import Delta, Position, encode


class View:
    """Changed through its hub only; `queue` has the hub `serve` a listener soon."""

    def __init__(
        self, name: str, limits: Limits, fanout: Fanout, queue: Callable[[Listener], None]
    ) -> None:
        self.name = name
        self.history = History(name, limits)
        self.board = StatusBoard(self.history, limits)
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
        """How many questions for the epoch were not answered."""
        self.reads = 0
        """How many bases were read."""
        self._limits = limits
        self._choice = Choice(self.history, limits)
        self._fanout = fanout
        self._queue = queue
        self._generation = 0
        self._writing: dict[Listener, ReadBase] = {}
        self._ahead: set[Listener] = set()
        self._folder: Listener | None = None

    @property
    def failure(self) -> str | None:
        """Why the engine does not tell what is to be known, if so."""
        return self.unread or self.unasked

    @property
    def heavy(self) -> Message | None:
        """The first of what is pending that is to be compressed before anything is sent."""
        return next((message for message in self.pending if message.is_heavy), None)

    # --- listeners ---------------------------------------------------------------------------

    def join(self, client: Client, position: Position | None) -> Listener:
        """A client wants this view, from `position` on if it has been here."""
        listener = Listener(client, self, self.history.epochs.asked)
        if position is not None:
            listener.epoch, listener.frontier = position.epoch, position.frontier
            listener.is_foreign = not self.history.is_of_now(position.epoch)
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

    def flush_done(self) -> None:
        """All that was pending has been handed to who is live."""
        self.pending.clear()
        self.flushed = self.history.head
        passed = [one for one in self._ahead if one.frontier <= self.flushed]
        for listener in passed:
            self._ahead.discard(listener)
            self._queue(listener)

    # --- bases -------------------------------------------------------------------------------

    def _serve_base(self, listener: Listener, now: int) -> None:
        base = self.history.base
        if base is not None and self._choice.is_good(base, listener, now, self.failure):
            self._give(base, listener, now)
        elif self._asked_in_vain(base, listener) and self.history.reaches(
            listener.epoch, listener.frontier
        ):
            listener.is_waiting = False  # rather much of the log than nothing
            self._bring_to_head(listener)
        else:
            self.wants_base = True
            self._tell_failure(listener)

    def _asked_in_vain(self, base: ReadBase | None, listener: Listener) -> bool:
        """Whether the engine gave no base, or one that does not fit, since the listener waits."""
        return self.failure is not None or (base is not None and base.asked > listener.asked)

    def _give(self, base: ReadBase, listener: Listener, now: int) -> None:
        """Send `base`, and then what came since."""
        if not self._fanout.write(listener.client, base.message):
            return
        listener.epoch = self.history.epochs.current
        listener.frontier = base.upper
        listener.is_waiting = listener.is_owed = False
        if not listener.client.is_ready:
            self._writing[listener] = base
            self._bound_writing()
            return
        if self.history.log is not None:
            if self.history.log.size_since(base.upper) > self._limits.max_folded:
                listener.is_owed = True
                self._queue(listener)
                return
            self._bring_to_head(listener)
        if listener.client.is_ready:
            self._fanout.write(listener.client, self.board.message)

    def _bound_writing(self) -> None:
        """Let go of who is slowest with the oldest base, rather than keep too many of them."""
        bases = list(dict.fromkeys(self._writing.values()))
        if len(bases) > self._limits.writing_bases:
            for listener in [one for one, base in self._writing.items() if base is bases[0]]:
                listener.client.close(TOO_SLOW, "too slow to take a base")

    # --- deltas ------------------------------------------------------------------------------

    def _catch_up(self, listener: Listener, now: int) -> None:
        """Bring a listener that stands somewhere to the head, by delta or base."""
        if self.history.log is None:
            if listener.is_owed:
                self._answer(listener)
        elif listener.frontier < self.history.log.lower:
            self._wait(listener)
            self._serve_base(listener, now)
        elif self._may_fold(listener) and not self.history.fold_some(listener.frontier):
            self._folder = listener
            self._queue(listener)  # to go on with it in another turn
        elif self._choice.prefers_base(listener, self.failure):
            self._wait(listener)
            self._serve_base(listener, now)
        else:
            self._bring_to_head(listener)

    def _may_fold(self, listener: Listener) -> bool:
        """Whether much may be folded for it: not while that is done for somebody elsewhere.

        Each of many who come back from far would have to wait for all before it; a base is quick.
        """
        folding, folder = self.history.folding, self._folder
        if folding is None or folder is None or folding.frontier == listener.frontier:
            return True
        return not folder.is_queued or folder not in self.listeners

    def _answer(self, listener: Listener) -> None:
        """Tell who resumed that it stands well: there is no log that could say more."""
        at = listener.frontier
        empty = Delta(self.name, listener.epoch or "", at, at, [])
        if self._fanout.write(listener.client, Message(encode(empty))):
            listener.is_owed = False
            if listener.client.is_ready:
                self._fanout.write(listener.client, self.board.message)

    def _bring_to_head(self, listener: Listener) -> None:
        head = self.history.head
        if listener.frontier < head or listener.is_owed:
            delta = self.history.delta_since(listener.frontier)
            if not self._fanout.write(listener.client, delta):
                return
            listener.frontier = max(listener.frontier, head)
            owed, listener.is_owed = listener.is_owed, False
            if owed and listener.client.is_ready:
                self._fanout.write(listener.client, self.board.message)
        if not listener.client.is_ready:
            return
        if listener.frontier == self.flushed:
            self._fanout.join(listener)
        else:
            self._ahead.add(listener)

    def _wait(self, listener: Listener) -> None:
        self._fanout.leave(listener)
        self._ahead.discard(listener)
        listener.is_waiting = True
        listener.asked = self.history.epochs.asked

    # --- what happens to the history ---------------------------------------------------------

    def post(self, delta: Delta, now: int, asked: int) -> Outcome:
        """Take a delta that came when the last question to the engine was number `asked`."""
        posted = self.history.post(delta, now, asked)
        self._follow()
        if posted.message is not None:
            self.pending.append(posted.message)
            self._trim(now)
        return posted.outcome

    def answered(self, question: Question, epoch: str, base: ReadBase | None, now: int) -> bool:
        """Take the engine's answer; False if it came too late to count, and is to be asked anew."""
        if self.history.answered(question, epoch, base, now) is Verdict.LATE:
            return False
        self.unasked = self.board.trouble = None
        if base is not None:
            self.unread = None
            self.wants_base = False
            self.reads += 1
        self._follow()
        self._settle(question)
        return True

    def failed(self, reason: str, now: int, *, of_base: bool) -> None:
        """The engine did not answer, or cannot read the view."""
        before = self.failure
        if of_base:
            self.unread = reason
        else:
            self.unasked = reason
            self.failures += 1
            self.board.trouble = (reason, self.board.trouble[1] if self.board.trouble else now)
        is_new = self.failure != before
        for listener in self.listeners:
            reaches = self.history.reaches(listener.epoch, listener.frontier)
            if listener.has_nothing and (is_new or reaches):
                self._queue(listener)

    def _follow(self) -> None:
        """After a break in the history: nobody is live, and everybody is looked at again."""
        if self._generation == self.history.generation:
            return
        self._generation = self.history.generation
        for listener in self.listeners:
            self._fanout.leave(listener)
            if not self.history.is_of_now(listener.epoch) and not listener.is_foreign:
                self._wait(listener)
            self._queue(listener)
        self.pending.clear()
        self._ahead.clear()
        # The first part of a log that begins with this very POST is still to be flushed.
        self.flushed = self.history.log.lower if self.history.log is not None else 0

    def _settle(self, question: Question) -> None:
        """Decide about those who came with an epoch that the hub did not have then."""
        for listener in self.listeners:
            if listener.is_foreign:
                if self.history.is_of_now(listener.epoch):
                    listener.is_foreign = False
                elif question.number > listener.asked:
                    listener.is_foreign = False
                    listener.barrier = listener.asked
                    self._wait(listener)
            if not listener.is_live:
                self._queue(listener)

    # --- time --------------------------------------------------------------------------------

    def tick(self, now: int) -> None:
        """To be called about once a second."""
        self._trim(now)
        if self._folder is not None and not self._folder.is_queued:
            self._folder = self.history.folding = None
        if self.history.wants_base(now):
            self.wants_base = True
        if self.board.is_due(now):
            self._speak(now)

    def _trim(self, now: int) -> None:
        pins = [base.upper for base in self._writing.values()]
        if self.history.base is not None and self.queued:
            pins.append(self.history.base.upper)
        self.history.trim(now, min(pins, default=None))

    def _speak(self, now: int) -> None:
        """Tell everybody how the view is."""
        message = self.board.renew(now)
        self.pending.append(message)
        waiting = self.board.waiting(self.failure)
        for listener in self.listeners:
            if not listener.is_live and listener.client.is_ready:
                self._fanout.write(listener.client, waiting if listener.has_nothing else message)

    def _tell_failure(self, listener: Listener) -> None:
        if self.failure is not None:
            self._fanout.write(listener.client, self.board.waiting(self.failure))
