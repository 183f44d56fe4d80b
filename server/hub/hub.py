"""All views and all clients: takes what happens, and reports what has to be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set

from server.framing import Message
from server.hub.engine_answer import EngineAnswer, EngineFailure
from server.hub.epochs import Question
from server.hub.fanout import Fanout
from server.hub.history import History, Snapshot
from server.hub.limits import Limits
from server.hub.listener import Client
from server.hub.open_parts import OpenParts
from server.hub.parts import Parts, PartView
from server.hub.post_check import Outcome
from server.hub.status import ViewReport, encode_status
from server.hub.tallies import Tallies
from server.hub.view import View
from viewstream.names import ViewName
from viewstream.protocol import Delta, Position, Status

REFUSED = 4404
"""The close code for a client whose last view turns out not to exist."""
MAX_REASON = 120
"""Bytes of a close frame's reason, which has room for 123."""


class Hub:
    """The only way to change anything in `server.hub`.

    `on_work` is called whenever `flush` or `admit` has something to do, `on_question` with the name
    of a view whenever the engine should be asked about it. Both may only take a note of it.
    """

    def __init__(
        self,
        names: Iterable[str],
        limits: Limits,
        on_work: Callable[[], None],
        on_question: Callable[[str], None],
        part_columns: Mapping[str, str] | None = None,
    ) -> None:
        self._limits = limits
        self._fanout = Fanout(limits)
        self.relations: dict[str, str] = {}
        """The full names of the relations, such as mz_catalog.mz_sources for mz_sources."""
        self._views: dict[str, View] = {}
        self._parts = OpenParts(part_columns or {}, limits, self._fanout)
        self._refusals: dict[str, str] = {}
        self._pending: set[View] = set()
        """The views that may have something to flush."""
        self._on_work = on_work
        self._on_question = on_question
        self.clients: set[Client] = set()
        for name in names:
            self.add_view(name)

    @property
    def names(self) -> Set[str]:
        """The views that are served; their parts are not among them."""
        return self._views.keys()

    def add_view(self, name: str) -> None:
        """Serve one more view."""
        assert name not in self._views, f"{name} is served already"
        view = View(History(name, self._limits), self._limits, self._fanout)
        self._views[name] = view
        self._parts.add_view(view)

    def report(self, name: str, now: int) -> ViewReport:
        """Report how a view, or a part that is open, is."""
        return self._view(name).report(now)

    def _view(self, name: str) -> View:
        view = self._find(name)
        assert view is not None, f"{name} is not served, or is a part that is closed"
        return view

    def _find(self, name: str) -> View | None:
        """Return the view, or the part if it is still open."""
        return self._views.get(name) or self._parts.find(name)

    # --- parts -------------------------------------------------------------------------------

    @property
    def part_columns(self) -> Mapping[str, str]:
        """The column by whose values a view is served in parts, by view."""
        return self._parts.columns

    @property
    def max_parts(self) -> int:
        """How many parts may be open at a time."""
        return self._limits.max_parts

    def count_parts(self, name: str) -> int:
        """How many parts of a view are open."""
        return self._parts.count(name)

    def open_parts(self, names: Iterable[ViewName], now: int) -> bool:
        """Open parts of views with `part_columns`; return False if that would be too many.

        A part without listeners is closed after a while, or before to make room for others. Open
        it again to prevent that.
        """
        return self._parts.open(names, now)

    def name_of(self, name: str) -> ViewName:
        """Return the name of a view, or of a part that is open, in its pieces."""
        part = self._parts.find(name)
        return ViewName(name) if part is None else part.view_name

    def part_problem(self, name: ViewName) -> str | None:
        """Return why there is no such part of a view with parts, as far as is known."""
        return self._parts.problem(name)

    def refuse_part(self, name: str, reason: str) -> None:
        """Refuse the clients of a part that the engine cannot have, such as `[id=x]` of numbers."""
        part = self._parts.find(name)
        if part is None:
            return
        part.refusal, part.wants_base = reason, False
        message = encode_status(Status(name, "refused", reason))
        for listener in [one for one in part.listeners if one.client.is_ready]:
            del listener.client.listeners[name]
            part.unsubscribe(listener)
            if listener.client.listeners:
                self._fanout.write(listener.client, message)
            else:
                listener.client.close(REFUSED, reason.encode()[:MAX_REASON].decode(errors="ignore"))

    def unready_reasons(self, name: str, now: int) -> list[str]:
        """Return why a new client of a view would get no base or no fresh deltas."""
        return self._views[name].board.unready_reasons(now)

    @property
    def tallies(self) -> Tallies:
        """The counters of all views."""
        return self._fanout.tallies

    @property
    def backlog_bytes(self) -> int:
        """Bytes of the messages that slow clients have begun to take."""
        return self._fanout.slow.backlog_size

    @property
    def blocked(self) -> int:
        """How many clients cannot be written to."""
        return sum(not client.is_ready for client in self.clients)

    # --- clients -----------------------------------------------------------------------------

    def add_client(
        self,
        client: Client,
        wanted: Mapping[str, Position | None],
        refused: Mapping[str, str] | None = None,
        *,
        takes_weights: bool = False,
    ) -> None:
        """Subscribe a client to views, each from its position on if it has one.

        `refused` are views that are not served, each with the reason that the client is sent.
        """
        client.takes_weights = takes_weights
        self.clients.add(client)
        for name, position in wanted.items():
            view = self._views.get(name) or self._parts.find_or_open(name)
            client.listeners[name] = view.subscribe(client, position)
        for name, reason in (refused or {}).items():
            if client.is_ready:
                self._fanout.write(client, encode_status(Status(name, "refused", reason)))
        self._note_work()

    def remove_client(self, client: Client) -> None:
        """Forget a client that has disconnected."""
        self.clients.discard(client)
        self._fanout.slow.forget(client)
        for name, listener in client.listeners.items():
            self._view(name).unsubscribe(listener)
        # Break the reference cycle, so that the client is freed at once and not by the cyclic GC.
        client.listeners.clear()
        client.is_ready = False

    def block(self, client: Client) -> None:
        """Block a client whose socket was filled by others than the hub."""
        self._fanout.block(client)

    def on_drained(self, client: Client) -> None:
        """The socket of a blocked client has taken everything: it can be written to again."""
        if client in self.clients:
            client.is_ready = True
            self._fanout.slow.forget(client)
            for listener in client.listeners.values():
                self._fanout.queue.add(listener)
            self._note_work()

    def snapshot(self, name: str, asked: int, now: int) -> Snapshot | None:
        """Return the rows of a view at the head, or None if a base has to be read first.

        `asked` is what `last_question` was when the request came.
        """
        view = self._view(name)
        if isinstance(view, PartView):
            self._siblings(view).advance(view, now)
        snapshot = view.snapshot(asked, now)
        self._note_questions(view)
        return snapshot

    # --- work --------------------------------------------------------------------------------

    def admit(self, now: int) -> bool:
        """Serve one listener of the queue; return False if there is none."""
        if not self._fanout.queue:
            return False
        listener = self._fanout.queue.pop()
        view = self._view(listener.feed.name)
        view.serve(listener, now)
        self._note_questions(view)
        return True

    @property
    def has_pending(self) -> bool:
        """Whether `flush` has something to do."""
        return any(view.feed.pending and not view.feed.uncompressed for view in self._pending)

    def uncompressed(self) -> list[Message]:
        """Messages to compress in a worker thread before their views are flushed: one for each."""
        found = (view.feed.uncompressed for view in self._pending)
        return [message for message in found if message is not None]

    def flush(self) -> list[tuple[str, int]]:
        """Send all that is pending, except in views that wait for an `uncompressed` message.

        Returns the views whose deltas were sent, each with its new frontier.
        """
        views = [view for view in self._pending if view.feed.uncompressed is None]
        self._fanout.send_pending(view.feed for view in views if view.feed.pending)
        self._pending.difference_update(views)
        whole = [view for view in views if not isinstance(view, PartView)]
        moved = [(view.name, view.history.head) for view in whole if view.feed.has_delta]
        for view in views:
            view.on_flushed()
        self._note_work()
        return moved

    def _note_work(self, *views: View) -> None:
        """Call `on_work` if a listener waits to be served, or one of `views` has news."""
        pending = [view for view in views if view.feed.pending]
        self._pending.update(pending)
        if self._fanout.queue or pending:
            self._on_work()

    # --- the pipeline ------------------------------------------------------------------------

    def last_question(self, name: str) -> int:
        """The number of the last question to the engine about a view."""
        return self._view(name).history.epochs.asked

    def take_delta(self, delta: Delta, now: int, asked: int) -> Outcome:
        """Take a delta that came when `last_question` was `asked`."""
        view, parts = self._views[delta.view], self._parts.of(delta.view)
        before = view.history.head
        extended = view.publish(delta, now, asked)
        touched = parts.split(before, extended, now) if parts is not None else []
        self._note_questions(view)
        self._note_work(view, *touched)
        self._refusals[delta.view] = extended.reason
        return extended.outcome

    def why_refused(self, name: str) -> str:
        """Return why the last delta of a view was refused."""
        return self._refusals.get(name, "")

    def _siblings(self, part: PartView) -> Parts:
        """Return the parts of the view whose part it is."""
        parts = self._parts.of(part.parent.name)
        assert parts is not None
        return parts

    # --- the engine --------------------------------------------------------------------------

    def wants_base(self, name: str) -> bool:
        """Whether to read a base of the view."""
        view = self._find(name)
        return view is not None and view.wants_base

    def wants_epoch(self, name: str) -> bool:
        """Whether to ask for the view's epoch at once."""
        view = self._find(name)
        return view is not None and view.wants_epoch

    def request_epoch(self, name: str) -> None:
        """Have the engine asked for the view's epoch."""
        self._views[name].wants_epoch = True
        self._on_question(name)

    def request_base(self, name: str) -> None:
        """Have a base of the view read."""
        self._views[name].wants_base = True
        self._on_question(name)

    def is_read(self, name: str, asked: int) -> bool:
        """Whether a base was read that answers a question later than number `asked`."""
        return self._views[name].history.check.base_asked > asked

    def base_failures(self, name: str) -> int:
        """How many reads of a base of the view have failed."""
        return self._views[name].failures.base_count

    def is_settled(self, name: str, asked: int) -> bool:
        """Whether a question later than number `asked` has confirmed the hub's epoch."""
        return self._views[name].history.epochs.settled > asked

    def failures(self, name: str) -> int:
        """How many questions for the view's epoch have failed."""
        return self._views[name].failures.count

    def ask(self, name: str, *, for_base: bool) -> Question:
        """Number a question that is about to be put to the engine."""
        view = self._view(name)
        if not for_base:
            view.wants_epoch = False
        return view.history.epochs.ask()

    def take_answer(self, name: str, answer: EngineAnswer) -> bool:
        """Take the engine's answer; return False if it came too late, and must be asked again.

        An answer about a part that has been closed is dropped.
        """
        view = self._find(name)
        if view is None:
            return True
        if isinstance(view, PartView):
            return self._take_answer_of_part(view, answer)
        is_timely = view.on_answer(answer)
        parts = self._parts.of(name)
        if is_timely and parts is not None:
            parts.on_answer(answer)
        progress = view.history.follow_time(answer.received_at)
        if progress is not None:
            self.take_delta(progress, answer.received_at, answer.question.number)
            view.history.check.is_still = True  # until a pipeline posts again
        self._note_questions(view)
        self._note_work()
        return is_timely

    def _take_answer_of_part(self, part: PartView, answer: EngineAnswer) -> bool:
        if part.history.has_epoch(answer.epoch) and answer.base is not None:
            self._siblings(part).prepare_base(part, answer.base, answer.received_at)
        is_timely = part.on_answer(answer)
        if not is_timely:
            part.wants_epoch = True
        self._note_questions(part)
        self._note_work(part)
        return is_timely

    def take_failure(self, name: str, failure: EngineFailure) -> None:
        """Note that the engine did not answer, cannot read the view, or has no such view."""
        view = self._find(name)
        if view is None:
            return  # a part that has been closed
        parts = None if failure.of_base else self._parts.of(name)
        for one in (view, *(parts or ())):
            one.on_failure(failure)
        self._note_work()

    def note_relation(self, name: str, relation: str) -> None:
        """Note the full name of the relation that the engine found for a view."""
        self.relations[name] = relation

    def note_tail(self, name: str, failure: str | None) -> None:
        """Note why the server's own TAIL of a view does not run, or that it does."""
        self._views[name].failures.tail = failure

    # --- time --------------------------------------------------------------------------------

    def on_tick(self, now: int) -> None:
        """Apply everything that depends on time; about once a second."""
        self._fanout.slow.close_stalled(self.clients, now)
        self._fanout.slow.close_for_bytes()
        self._parts.on_tick(now)
        for view in [*self._views.values(), *self._parts]:
            view.maintain(now)
            self._note_questions(view)
            self._note_work(view)

    def _note_questions(self, view: View) -> None:
        if isinstance(view, PartView) and view.wants_epoch:
            view.wants_epoch, view.parent.wants_epoch = False, True
            self._on_question(view.parent.name)
        if view.wants_base or view.wants_epoch:
            self._on_question(view.name)
