"""The parts of all views that are open: found by name, bounded, closed when they are idle."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from server.hub.fanout import Fanout
from server.hub.limits import Limits
from server.hub.network_parts import NetworkParts
from server.hub.parts import Parts, PartView
from server.hub.view import View
from viewstream.names import ViewName, parse_view

OPENING = 5_000
"""Milliseconds for which a part without listeners is not closed to make room: it may have been
opened for a client whose handshake is under way."""


class OpenParts:
    """`columns` are those by whose values views are served in parts, by view."""

    def __init__(self, columns: Mapping[str, str], limits: Limits, fanout: Fanout) -> None:
        self.columns = columns
        self._limits = limits
        self._fanout = fanout
        self._of_view: dict[str, Parts] = {}
        self._open: dict[str, PartView] = {}
        self._networks = NetworkParts()

    def __iter__(self) -> Iterator[PartView]:
        return iter(self._open.values())

    def add_view(self, view: View) -> None:
        """Serve a view in parts, if it has a column for that."""
        if view.name in self.columns:
            column = self.columns[view.name]
            self._of_view[view.name] = Parts(
                view, column, self._limits, self._fanout, self._networks
            )

    def of(self, view: str) -> Parts | None:
        """Return the parts of a view, if it is served in parts."""
        return self._of_view.get(view)

    def find(self, name: str) -> PartView | None:
        """Return the part of that name, if it is open."""
        return self._open.get(name)

    def count(self, view: str) -> int:
        """How many parts of a view are open."""
        return len(self._of_view.get(view, ()))

    def open(self, names: Iterable[ViewName], now: int, network: str) -> bool:
        """Open parts of views that have a column for that; return False if these are too many.

        A part without listeners is closed after a while, or before to make room for others. Open
        it again to prevent that.
        """
        wanted = {str(name): name for name in names}
        missing = len(wanted.keys() - self._open.keys())
        excess = len(self._open) + missing - self._limits.max_parts
        if excess > 0 and not self._close_idle(excess, wanted, self._idle(now - OPENING)):
            return False
        for name in wanted.values():
            part = self._open_one(name)
            part.idle_since = now
            self._networks.on_opened(part.name, network)
        return True

    def make_room(self, names: Iterable[ViewName], now: int, network: str, share: int) -> bool:
        """Close idle parts of a network that would have more than `share` parts with `names`.

        Return False if too few of them are idle.
        """
        wanted = {str(name) for name in names}
        parts = self._networks.parts_of(network)
        excess = len(parts | wanted) - share
        if excess <= 0:
            return True
        idle = [part for part in self._idle(now - OPENING) if part.name in parts]
        return self._close_idle(excess, wanted, idle)

    def _close_idle(self, count: int, wanted: Collection[str], idle: Iterable[PartView]) -> bool:
        """Close `count` of the `idle` parts that are not wanted, if there are so many."""
        closed = [part for part in idle if part.name not in wanted][:count]
        if len(closed) < count:
            return False
        for part in closed:
            self._close(part)
        return True

    def find_or_open(self, name: str) -> PartView:
        """Return a part for a client whose handshake may have outlasted it."""
        return self._open.get(name) or self._open_one(parse_view(name))

    def _open_one(self, name: ViewName) -> PartView:
        assert name.part is not None
        part = self._of_view[name.view].open(name.part.value)
        self._open[part.name] = part
        return part

    def problem(self, name: ViewName) -> str | None:
        """Return why there is no such part of a view with parts, as far as is known."""
        part = self._open.get(str(name))
        return self._of_view[name.view].problem or (None if part is None else part.refusal)

    def on_tick(self, now: int) -> None:
        """Bring all parts to the heads of their views, and close those that are idle."""
        for parts in self._of_view.values():
            parts.on_tick(now)
        for part in self._idle(now - self._limits.part_grace):
            self._close(part)

    def _idle(self, since: int) -> list[PartView]:
        """Return the parts that had no listener since then, the longest first."""
        idle = [part for parts in self._of_view.values() for part in parts.idle(since)]
        return sorted(idle, key=lambda part: part.idle_since or 0)

    def _close(self, part: PartView) -> None:
        self._of_view[part.parent.name].close(part)
        del self._open[part.name]
        self._networks.on_closed(part.name)
