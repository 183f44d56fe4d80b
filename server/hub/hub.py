"""All views and all clients: takes what happens, and reports what has to be done.

The questions to the engine, and its answers, are in `questions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set

from server.framing import Message
from server.hub.history import Past, Snapshot
from server.hub.limits import Limits
from server.hub.listener import Client
from server.hub.paces import Paces, choose_pace
from server.hub.parts import PartView
from server.hub.post_check import Outcome, Post
from server.hub.questions import Questions
from server.hub.served_views import ServedViews
from server.hub.status import ViewReport, encode_status
from server.hub.tallies import Tallies
from viewstream.names import ViewName
from viewstream.protocol import Delta, Position, Status


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
        self._views = ServedViews(names, limits, on_work, on_question, part_columns or {})
        self._fanout = self._views.fanout
        self._parts = self._views.parts
        self._paces = Paces()
        self._refusals: dict[str, str] = {}
        self.questions = Questions(self._views)
        self.clients: set[Client] = set()

    @property
    def names(self) -> Set[str]:
        """The views that are served; their parts are not among them."""
        return self._views.names

    def add_view(self, name: str) -> None:
        """Serve one more view."""
        self._views.add(name)

    def report(self, name: str, now: int) -> ViewReport:
        """Report how a view, or a part that is open, is."""
        return self._views[name].report(now)

    def head(self, name: str) -> int | None:
        """Return the head of a view's log, which its report has too; None without a log."""
        log = self._views[name].history.log
        return None if log is None else log.head

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
        return len(self._fanout.slow.blocked)

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

    def open_parts(self, names: Iterable[ViewName], now: int, network: str = "") -> bool:
        """Open parts of views with `part_columns`; return False if that would be too many.

        A part without listeners is closed after a while, or before to make room for others. Open
        it again to prevent that. Until it has clients, it counts for `network`.
        """
        return self._parts.open(names, now, network)

    def make_room_for_parts(
        self, names: Iterable[ViewName], now: int, network: str, share: int
    ) -> bool:
        """Close idle parts of a network that would have more than `share` parts with `names`.

        Return False if too few of them are idle.
        """
        return self._parts.make_room(names, now, network, share)

    def part_problem(self, name: ViewName) -> str | None:
        """Return why there is no such part of a view with parts, as far as is known."""
        return self._parts.problem(name)

    # --- clients -----------------------------------------------------------------------------

    def add_client(
        self,
        client: Client,
        wanted: Mapping[str, Position | None],
        refused: Mapping[str, str] | None = None,
        *,
        takes_weights: bool = False,
        every: int = 0,
    ) -> None:
        """Subscribe a client to views, each from its position on if it has one.

        `refused` are views that are not served, each with the reason that the client is sent. The
        client gets changes at most every `every` milliseconds, which are rounded down to a pace.
        """
        client.takes_weights = takes_weights
        client.every = choose_pace(every) if every else 0
        self.clients.add(client)
        self.tallies.clients += 1
        for name, position in wanted.items():
            view = self._views.find_or_open(name)
            client.listeners[name] = view.subscribe(client, position)
        for name, reason in (refused or {}).items():
            if client.is_ready:
                self._fanout.write(client, encode_status(Status(name, "refused", reason)))
        self._views.note_work()

    def remove_client(self, client: Client) -> None:
        """Forget a client that has disconnected."""
        self.clients.discard(client)
        self._fanout.slow.forget(client)
        for name, listener in client.listeners.items():
            self._views[name].unsubscribe(listener)
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
            for name, listener in client.listeners.items():
                self._views[name].on_drained(listener)
            self._views.note_work()

    def snapshot(self, name: str, asked: int, now: int) -> Snapshot | None:
        """Return the rows of a view at the head, or None if a base has to be read first.

        `asked` is the number of the last question when the request came.
        """
        view = self._views[name]
        if isinstance(view, PartView):
            self._views.siblings(view).advance(view, now)
        snapshot = view.snapshot(asked, now)
        self._views.note_questions(view)
        return snapshot

    def past(self, name: str, position: Position, since: int, max_bytes: int) -> Past | None:
        """Return the changes before a position of a view, back to `since`, as far as they are kept.

        None if the position is of another epoch than the log.
        """
        history = self._views[name].history
        return history.past(position.epoch, position.frontier, since, max_bytes)

    # --- work --------------------------------------------------------------------------------

    def admit(self, now: int) -> bool:
        """Serve one listener of the queue; return False if there is none."""
        if not self._fanout.queue:
            return False
        listener = self._fanout.queue.pop()
        view = self._views[listener.feed.name]
        view.serve(listener, now)
        self._views.note_questions(view)
        return True

    @property
    def has_queue(self) -> bool:
        """Whether `admit` has something to do."""
        return bool(self._fanout.queue)

    @property
    def has_pending(self) -> bool:
        """Whether `flush` has something to do."""
        return any(view.feed.pending and not view.feed.uncompressed for view in self._views.pending)

    def uncompressed(self) -> list[Message]:
        """Messages to compress in a worker thread before their views are flushed: one for each."""
        found = (view.feed.uncompressed for view in self._views.pending)
        return [message for message in found if message is not None]

    def flush(self) -> list[tuple[str, int]]:
        """Send all that is pending, except in views that wait for an `uncompressed` message.

        Returns the views whose deltas were sent, each with its new frontier.
        """
        pending, moved = self._views.pending, []
        views = [view for view in pending if view.feed.uncompressed is None]
        self._fanout.send_pending({view.feed for view in views if view.feed.pending})
        for view in views:
            pending.remove(view)
            if view.feed.has_delta and not isinstance(view, PartView):
                moved.append((view.name, view.history.head))
            self._paces.add(view.paced_feeds)
            view.on_flushed()
        self._views.note_work()
        return moved

    def flush_paced(self, now: int) -> int | None:
        """Send what is due to the clients with a pace, of what `flush` has sent to the others.

        Returns when to call again, if something is left. `now` is a steady clock's, in
        milliseconds.
        """
        feeds, later = self._paces.take_due(now)
        if feeds:
            for feed in feeds:
                self._views[feed.name].merge_pending(feed)
            self._fanout.send_pending(set(feeds))
            for feed in feeds:
                self._views[feed.name].on_paced_flush(feed)
            self._views.note_work()
        return later

    # --- the pipeline ------------------------------------------------------------------------

    def take_delta(self, delta: Delta, now: int, asked: int) -> Outcome:
        """Take a delta that came when the last question about its view was number `asked`."""
        extended = self._views.publish(Post(delta, now, asked))
        self._refusals[delta.view] = extended.reason
        return extended.outcome

    def why_refused(self, name: str) -> str:
        """Return why the last delta of a view was refused."""
        return self._refusals.get(name, "")

    # --- time --------------------------------------------------------------------------------

    def on_tick(self, now: int) -> None:
        """Apply everything that depends on time; about once a second."""
        self._fanout.slow.close_stalled(now)
        self._fanout.slow.close_for_bytes()
        self._parts.on_tick(now)
        for view in self._views:
            view.maintain(now)
            self._views.note_questions(view)
            self._views.note_work(view)
