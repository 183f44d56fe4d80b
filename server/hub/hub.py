"""All views and all clients: takes what happens, and says what is to be done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

from server.framing import Message
from server.hub.base import ReadBase
from server.hub.client import TOO_SLOW, Client, Listener
from server.hub.epochs import Question
from server.hub.fanout import Fanout
from server.hub.history import Outcome
from server.hub.limits import Limits
from server.hub.view import View
from viewstream.protocol import Delta, Position


class Hub:
    """`on_work` is called whenever `flush` or `admit` has something to do, `on_want` whenever
    the engine is to be asked about a view; both may only take a note of it.
    """

    def __init__(
        self,
        names: Iterable[str],
        limits: Limits,
        on_work: Callable[[], None],
        on_want: Callable[[View], None],
    ) -> None:
        self._fanout = Fanout()
        self._held_bytes = limits.held_bytes
        self._admissions: deque[Listener] = deque()
        self._on_work = on_work
        self._on_want = on_want
        self.clients: set[Client] = set()
        self.views = {name: View(name, limits, self._fanout, self._queue) for name in names}

    # --- clients -----------------------------------------------------------------------------

    def join(self, client: Client, wanted: Mapping[str, Position | None]) -> None:
        """A client is there, and wants these views."""
        self.clients.add(client)
        for name, position in wanted.items():
            client.listeners[name] = self.views[name].join(client, position)

    def leave(self, client: Client) -> None:
        """The client is gone: nothing of it stays."""
        self.clients.discard(client)
        self._fanout.held.remove(client)
        for listener in client.listeners.values():
            listener.view.leave(listener)
        # They and the client name each other: left so, only a full search for garbage frees them.
        client.listeners.clear()
        client.is_ready = False

    def block(self, client: Client) -> None:
        """The client cannot be written to, though the hub wrote nothing."""
        self._fanout.block(client)

    def drained(self, client: Client) -> None:
        """What the client held back is out: it can be written to again."""
        if client in self.clients:
            client.is_ready = True
            self._fanout.held.remove(client)
            for listener in client.listeners.values():
                listener.view.drained(listener)

    def _queue(self, listener: Listener) -> None:
        if not listener.is_queued:
            listener.is_queued = True
            listener.view.queued += 1
            self._admissions.append(listener)
            self._on_work()

    def admit(self, now: int) -> bool:
        """Serve one listener that waits to be served; False if there is none."""
        if not self._admissions:
            return False
        listener = self._admissions.popleft()
        listener.is_queued = False
        listener.view.queued -= 1
        listener.view.serve(listener, now)
        self._ask_for(listener.view)
        return True

    # --- the pipeline ------------------------------------------------------------------------

    def post(self, delta: Delta, now: int, asked: int) -> Outcome:
        """Take a delta; see `View.post`."""
        view = self.views[delta.view]
        outcome = view.post(delta, now, asked)
        self._ask_for(view)
        if view.pending:
            self._on_work()
        return outcome

    @property
    def has_pending(self) -> bool:
        """Whether `flush` has something to do."""
        return any(view.pending and view.heavy is None for view in self.views.values())

    def heavy(self) -> list[Message]:
        """What is to be compressed before its views are flushed: one message of each."""
        found = (view.heavy for view in self.views.values())
        return [message for message in found if message is not None]

    def flush(self) -> None:
        """Send all that is pending, but of views that wait for a `heavy` message."""
        views = [view for view in self.views.values() if view.heavy is None]
        self._fanout.flush(view for view in views if view.pending)
        for view in views:
            view.flush_done()

    # --- the engine and time -----------------------------------------------------------------

    def answered(
        self, view: View, question: Question, epoch: str, base: ReadBase | None, now: int
    ) -> bool:
        """Take the engine's answer; see `View.answered`."""
        counts = view.answered(question, epoch, base, now)
        self._ask_for(view)
        return counts

    def tick(self, now: int) -> None:
        """To be called about once a second."""
        for client in self._fanout.held.excess(self._held_bytes):
            client.close(TOO_SLOW, "too slow, and too much is kept for all who are")
        for view in self.views.values():
            view.tick(now)
            self._ask_for(view)
            if view.pending:
                self._on_work()

    def _ask_for(self, view: View) -> None:
        if view.wants_base or view.wants_epoch:
            self._on_want(view)
