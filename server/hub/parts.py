"""Parts of a view: the rows of one value of a column, each served as a view of its own.

A part has a log, a base, an audit and listeners as every view. Its epochs are those of its view,
its status follows its view's, and its deltas are those of its view, split by value once for all
parts. It is opened at the head of its view, and closed when it had no listener for a while.

A delta is given at once to the parts for which it has updates. All others get their progress about
once a second, so that splitting costs what the delta has, however many parts are open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from server.hub.engine_answer import EngineAnswer, ReadBase
from server.hub.epochs import Verdict
from server.hub.fanout import Fanout
from server.hub.history import History
from server.hub.limits import Limits
from server.hub.listener import Client, Listener
from server.hub.network_parts import NetworkParts
from server.hub.post_check import Extended, Post
from server.hub.status import StatusBoard
from server.hub.view import View
from viewstream.names import Part, ViewName, explain_column
from viewstream.protocol import Delta, Position, Status, Update


class PartHistory(History):
    """The history of a part. Only the view's own history decides about epochs."""

    def __init__(self, name: str, limits: Limits, parent: History) -> None:
        super().__init__(name, limits, parent.epochs)
        self._parent = parent

    def awaits_log(self, now: int) -> bool:
        return self._parent.awaits_log(now)

    def learn(self, answer: EngineAnswer) -> Verdict:
        return super().learn(answer) if self.has_epoch(answer.epoch) else Verdict.LATE

    def _check(self, post: Post) -> Delta | Extended:
        """Take all: the view's own history has checked it."""
        return post.delta

    def wants_audit(self, now: int) -> bool:
        """Whether to repair: `Parts` schedules all other audits."""
        return self.audit.is_repair_due(now)

    def trim(self, now: int, pinned: int | None, below: int = 0) -> None:
        """Keep no more than the view's own log, whose bytes are bounded."""
        log = self._parent.log
        super().trim(now, pinned, below if log is None else log.lower)


class PartBoard(StatusBoard):
    """The status of a part is that of its view."""

    def __init__(self, part: PartView, parent: View, limits: Limits) -> None:
        super().__init__(part.history, part.failures, limits)
        self._view = part.name
        self._parent = parent

    def status(self, now: int) -> Status:
        return msgspec.structs.replace(self._parent.board.status(now), view=self._view)


class PartView(View):
    """One open part."""

    def __init__(
        self,
        name: ViewName,
        parent: View,
        limits: Limits,
        fanout: Fanout,
        networks: NetworkParts,
    ) -> None:
        assert name.part is not None
        self._networks = networks
        self.view_name = name
        self.value = name.part.value
        self.refusal: str | None = None
        """Why the column cannot have the value, once the engine has refused it."""
        self.parent = parent
        self.idle_since: int | None = None
        """When it was first seen without listeners; None if it has some."""
        super().__init__(PartHistory(str(name), limits, parent.history), limits, fanout)
        self.wants_base = self.wants_epoch = False  # until a listener does

    def subscribe(self, client: Client, position: Position | None) -> Listener:
        self._networks.on_subscribed(self.name, client.network)
        return super().subscribe(client, position)

    def unsubscribe(self, listener: Listener) -> None:
        if listener in self.listeners:
            self._networks.on_unsubscribed(self.name, listener.client.network)
        super().unsubscribe(listener)
        if not self.listeners:
            self.wants_base = False

    def _make_board(self, limits: Limits) -> StatusBoard:
        return PartBoard(self, self.parent, limits)

    def restart_log(self, lower: int, now: int) -> None:
        """Begin the log at `lower`, or again if it has one."""
        self.history.restart_log(lower, now)
        self.follow_history()

    def end_epoch(self) -> None:
        """Follow the view, whose epoch has changed."""
        self.history.forget_all()
        self.follow_history()


class Parts:
    """The open parts of `parent`, by the value of `column`."""

    def __init__(
        self, parent: View, column: str, limits: Limits, fanout: Fanout, networks: NetworkParts
    ) -> None:
        self.column = column
        self._parent = parent
        self._limits = limits
        self._fanout = fanout
        self._networks = networks
        self._views: dict[str | None, PartView] = {}
        self._index: int | None = None
        """The column's place in a row; None until a base of this epoch has named the columns."""
        self.problem: str | None = None
        """Why there can be no parts in this epoch."""
        self._changes = parent.history.epochs.changes
        self._generation = parent.history.generation

    def __len__(self) -> int:
        return len(self._views)

    def __iter__(self) -> Iterator[PartView]:
        return iter(self._views.values())

    # --- opening and closing -----------------------------------------------------------------

    def open(self, value: str | None) -> PartView:
        """Open a part, or return the one that is open."""
        found = self._views.get(value)
        if found is None:
            name = ViewName(self._parent.name, Part(self.column, value))
            found = PartView(name, self._parent, self._limits, self._fanout, self._networks)
            self._views[value] = found
            self._begin_log(found)
        return found

    def idle(self, since: int) -> list[PartView]:
        """Return the parts that had no listener since then."""
        return [
            part
            for part in self
            if not part.listeners and part.idle_since is not None and part.idle_since <= since
        ]

    def close(self, closed: PartView) -> None:
        """Forget a part that has no listener."""
        assert not closed.listeners
        del self._views[closed.value]

    # --- deltas ------------------------------------------------------------------------------

    def split(self, before: int, extended: Extended, now: int) -> list[PartView]:
        """Give the parts the new part of a delta; return those that have something to send.

        `before` is the head of the view's log before it.
        """
        self._follow(now)
        delta = extended.delta
        if delta is None or self._index is None or not self._views:
            return []
        touched = []
        for value, updates in self._updates_by_value(delta.updates, self._index).items():
            part = self._views[value]
            self._publish(part, min(part.history.head, before), delta.upper, updates, now)
            touched.append(part)
        return touched

    def _updates_by_value(
        self, updates: Sequence[Update], index: int
    ) -> dict[str | None, list[Update]]:
        found: defaultdict[str | None, list[Update]] = defaultdict(list)
        views = self._views
        for update in updates:
            value = update[2][index]
            if value in views:
                found[value].append(update)
        return found

    def advance(self, part: PartView, now: int) -> None:
        """Bring a part to the head of its view: it has been given all updates below."""
        log = self._parent.history.log
        if log is not None and part.history.log is not None and part.history.head < log.head:
            self._publish(part, part.history.head, log.head, [], now)

    def _publish(
        self, part: PartView, lower: int, upper: int, updates: list[Update], now: int
    ) -> None:
        epochs = self._parent.history.epochs
        assert epochs.current is not None
        delta = Delta(part.name, epochs.current, lower, upper, updates)
        part.publish(Post(delta, now, epochs.asked))

    # --- the view's history ------------------------------------------------------------------

    def _follow(self, now: int) -> None:
        """If the log of the view restarted, or its epoch changed, do the same with each part."""
        history = self._parent.history
        if self._generation == history.generation:
            return
        self._generation = history.generation
        if self._changes != history.epochs.changes:
            self._changes = history.epochs.changes
            self._index = self.problem = None
            for part in self:
                part.end_epoch()
        if self._index is not None and history.log is not None:
            for part in self:
                part.restart_log(history.log.lower, now)

    def _begin_log(self, part: PartView) -> None:
        """Let the log of a part that has none begin where its view's log ends."""
        log = self._parent.history.log
        if log is not None and self._index is not None:
            part.restart_log(log.head, log.moved_at)

    def _learn_columns(self, columns: Sequence[str]) -> None:
        """Note the columns of the present epoch, of a base of the view or of a part."""
        if self._index is not None or not columns:
            return
        found = [index for index, name in enumerate(columns) if name == self.column]
        self.problem = explain_column(self._parent.name, self.column, len(found))
        if self.problem is None:
            self._index = found[0]
            for part in self:
                self._begin_log(part)

    def on_answer(self, answer: EngineAnswer) -> None:
        """The engine has answered a question about the view."""
        self._follow(answer.received_at)
        if answer.base is not None:
            self._learn_columns(answer.base.columns)
        for part in self:
            part.failures.clear(of_base=False)
            part.decide_epochs(answer.question)

    def prepare_base(self, part: PartView, base: ReadBase, now: int) -> None:
        """Bring the log of a part to the head, so that a base of it can be compared and sent."""
        self._learn_columns(base.columns)
        self.advance(part, now)

    # --- time --------------------------------------------------------------------------------

    def on_tick(self, now: int) -> None:
        """Bring all parts to the head, and audit one."""
        self._schedule_audit(now)
        for part in self:
            self.advance(part, now)
            if part.listeners:
                part.idle_since = None
            elif part.idle_since is None:
                part.idle_since = now

    def _schedule_audit(self, now: int) -> None:
        """Have one base read in each tick at most, of the part that was read least recently."""
        watched = [part for part in self if part.listeners and part.history.log is not None]
        if not watched or self._parent.board.status(now).state != "live":
            return
        oldest = min(watched, key=lambda part: part.history.read_at)
        if now - oldest.history.read_at >= self._limits.audit_every:
            oldest.wants_base = True
