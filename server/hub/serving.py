"""Serves listeners by their state: sends each a base, a delta, or nothing yet.

Every listener passes through `Serving.serve` whenever something may have become possible for it: it
came, its client drained, a base or another answer of the engine arrived, the log restarted, a flush
reached it. `serve` looks at its state and does what comes next.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from server.framing import Encoding, Message
from server.hub.base_or_delta import BaseOrDelta, Choice
from server.hub.engine_answer import ReadBase
from server.hub.fanout import Fanout, Piece
from server.hub.history import Snapshot
from server.hub.limits import Limits
from server.hub.listener import Feed, Listener, Pending
from server.hub.states import Event, State
from server.hub.status import Failures, StatusBoard
from server.hub.tallies import Resume
from viewstream.protocol import Delta, encode


class Need(Enum):
    """Why a listener could not be served."""

    EPOCH = "the engine has to be asked for the epoch"
    BASE = "a base has to be read"
    WEIGHTS = "its client takes no weights, and the base cannot be sent without"


class Welcome(NamedTuple):
    """The bytes of a base, the status, and perhaps a delta: the same for all who come together."""

    state: tuple[object, ...]
    """All that they depend on; the base is the first."""
    pieces: Sequence[Piece]
    leads_to_head: bool
    """Whether a client that is sent them is at the head."""


class Serving:
    """Serves the listeners of one view."""

    def __init__(
        self, feed: Feed, failures: Failures, board: StatusBoard, limits: Limits, fanout: Fanout
    ) -> None:
        self._feed = feed
        self._history = feed.history
        self._failures = failures
        self._board = board
        self._limits = limits
        self._fanout = fanout
        self._base_or_delta = BaseOrDelta(feed.history, limits)
        self._welcomes: dict[tuple[Encoding, bool], Welcome] = {}
        """The last ones, by encoding and whether weights are taken; none of event streams, whose
        ids depend on their other views."""
        self._folder: Listener | None = None
        """The listener for which the log is folded in steps."""

    @property
    def _is_failing(self) -> bool:
        return self._failures.reason is not None

    def serve(self, listener: Listener, now: int) -> Need | None:
        """Send the listener what it can take now, if its client can be written to."""
        if not listener.client.is_ready:
            return None
        self._board.refresh(now)
        match listener.state:
            case State.CHECKING_EPOCH:
                return Need.EPOCH
            case State.WAITING_FOR_BASE if not self._history.awaits_log(now):
                return self._serve_base(listener, now)
            case State.RESUMING | State.CATCHING_UP:
                self._catch_up(listener)
        return None

    def snapshot(self, asked: int, now: int) -> Snapshot | None:
        """Return the rows at the head, or None if a base has to be read first.

        `asked` is the last question when the request came.
        """
        decide, base, log = self._base_or_delta, self._history.base, self._history.log
        if (
            base is not None
            and decide.is_usable(base)
            and decide.is_worth_sending(base, asked, now, is_failing=self._is_failing)
            and (log is None or log.size_since(base.upper) <= self._limits.fold_at_once)
        ):
            return self._history.extend_base(base)
        return None

    def drop_idle(self) -> None:
        """Drop bytes that nobody waits for: of bases that are gone, and the fold in steps."""
        base = self._history.base
        for kind in [kind for kind, one in self._welcomes.items() if one.state[0] is not base]:
            del self._welcomes[kind]
        if self._folder is not None and self._folder not in self._fanout.queue:
            self._folder = self._history.folded.unfinished = None

    # --- bases -------------------------------------------------------------------------------

    def _serve_base(self, listener: Listener, now: int) -> Need | None:
        decide, is_failing = self._base_or_delta, self._is_failing
        base = decide.fitting_base(listener)
        if base is not None and decide.is_worth_sending(
            base, listener.asked, now, is_failing=is_failing
        ):
            return self._send_base(listener, base)
        if self._is_base_in_vain(listener):
            self._fanout.move(listener, Event.BASE_IN_VAIN)
            self._bring_to_head(listener)
            return None
        return Need.BASE

    def _is_base_in_vain(self, listener: Listener) -> bool:
        """Whether the engine gave no base that fits since the listener waits, and the log does."""
        base = self._history.base
        is_answered = base is not None and base.asked > listener.asked
        return (self._is_failing or is_answered) and self._history.reaches(
            listener.epoch, listener.frontier
        )

    def _send_base(self, listener: Listener, base: ReadBase) -> Need | None:
        """Send `base`, the status, and what came since if that is quick to fold."""
        welcome = self._find_welcome(listener, base)
        if welcome is None:
            return Need.WEIGHTS
        reached = self._fanout.write_pieces(listener, welcome.pieces, base)
        if reached is None:
            return None
        if listener.why_base is not None:
            self._fanout.tallies.count_resume(self._feed.name, listener.why_base)
            listener.why_base = None
        listener.epoch = self._history.epochs.current
        listener.frontier = reached
        self._fanout.move(listener, Event.BASE_SENT)
        if not listener.client.is_ready:
            self._fanout.slow.close_for_bases(self._feed)
        elif welcome.leads_to_head:
            self._note_head(listener)
        elif self._history.log is not None:
            self._fanout.queue.add(listener)
        return None

    def _find_welcome(self, listener: Listener, base: ReadBase) -> Welcome | None:
        """Return what the listener is sent with `base`; None if its client cannot take that."""
        client, history = listener.client, self._history
        kind = (client.encoding, client.takes_weights)
        state = (base, history.log, history.head, self._board.message)
        welcome = self._welcomes.get(kind)
        if welcome is None or welcome.state != state:
            welcome = self._make_welcome(listener, base, state)
            if welcome is not None and client.encoding is not Encoding.EVENTS:
                self._welcomes[kind] = welcome
        return welcome

    def _make_welcome(
        self, listener: Listener, base: ReadBase, state: tuple[object, ...]
    ) -> Welcome | None:
        message = base.message_for(takes_weights=listener.client.takes_weights)
        if message is None:
            return None
        log, head = self._history.log, self._history.head
        may_fold = log is not None and log.size_since(base.upper) <= self._limits.fold_at_once
        messages = [Pending(message, base.upper), Pending(self._board.message)]
        if may_fold and base.upper < head:
            messages.append(Pending(self._history.delta_since(base.upper), head))
        return Welcome(state, self._fanout.encode_for(listener, messages), may_fold)

    # --- deltas ------------------------------------------------------------------------------

    def _catch_up(self, listener: Listener) -> None:
        """Bring a listener that has a position to the head, by delta or base."""
        log = self._history.log
        if log is None:
            if listener.state is State.RESUMING:
                self._acknowledge(listener)
        elif listener.frontier < log.lower:
            self._need_base(listener, Resume.LOG_TRIMMED)
        elif self._may_fold(listener) and not self._history.fold_step(listener.frontier):
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
        decide, is_failing = self._base_or_delta, self._is_failing
        choice = decide.before_folding(listener, is_failing=is_failing)
        if choice is not Choice.FOLD:
            return choice
        base = decide.fitting_base(listener)
        folded = self._history.delta_since(listener.frontier).size
        rest = 0 if base is None else self._history.bytes_since(base.upper)
        return decide.after_folding(base, folded, rest, is_failing=is_failing)

    def _may_fold(self, listener: Listener) -> bool:
        """Whether much may be folded for it: not while that is done for another frontier.

        Otherwise each of many clients that come back from far would wait for all before it, and a
        base is quick.
        """
        folding, folder = self._history.folded.unfinished, self._folder
        if folding is None or folder is None or folding.frontier == listener.frontier:
            return True
        return folder not in self._fanout.queue or folder.state is State.GONE

    def _acknowledge(self, listener: Listener) -> None:
        """Confirm the position of a client that resumed, while there is no log."""
        at = listener.frontier
        empty = Delta(self._feed.name, listener.epoch or "", at, at, [])
        messages = [Pending(Message(encode(empty)), at), Pending(self._board.message)]
        if self._fanout.write_to(listener, messages) is not None:
            self._on_answer_sent(listener)

    def _bring_to_head(self, listener: Listener) -> None:
        head, is_resuming = self._history.head, listener.state is State.RESUMING
        if listener.frontier < head or is_resuming:
            upper = max(listener.frontier, head)
            messages = [Pending(self._history.delta_since(listener.frontier), upper)]
            if is_resuming:
                messages.append(Pending(self._board.message))
            if self._fanout.write_to(listener, messages) is None:
                return
            listener.frontier = upper
            if is_resuming:
                self._on_answer_sent(listener)
        if listener.client.is_ready:
            self._note_head(listener)

    def _note_head(self, listener: Listener) -> None:
        """Note that a listener is at the head."""
        is_there = listener.frontier == listener.feed.flushed
        self._fanout.move(listener, Event.CAUGHT_UP if is_there else Event.PASSED_FLUSH)

    def _on_answer_sent(self, listener: Listener) -> None:
        self._fanout.tallies.count_resume(self._feed.name, Resume.DELTA)
        listener.why_base = None
        self._fanout.move(listener, Event.ANSWERED)
