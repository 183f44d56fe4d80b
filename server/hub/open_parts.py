"""The parts of all views that are open: found by name, bounded, closed when they are idle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from server.hub.fanout import Fanout
from server.hub.limits import Limits
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

    def __iter__(self) -> Iterator[PartView]:
        return iter(self._open.values())

    def add_view(self, view: View) -> None:
        """Serve a view in parts, if it has a column for that."""
        if view.name in self.columns:
            column = self.columns[view.name]
            self._of_view[view.name] = Parts(view, column, self._limits, self._fanout)

    def of(self, view: str) -> Parts | None:
        """Return the parts of a view, if it is served in parts."""
        return self._of_view.get(view)

    def find(self, name: str) -> PartView | None:
        """Return the part of that name, if it is open."""
        return self._open.get(name)

    def count(self, view: str) -> int:
        """How many parts of a view are open."""
        return len(self._of_view.get(view, ()))

    def open(self, names: Iterable[ViewName], now: int) -> bool:
        """Open parts of views that have a column for that; return False if these are too many.

        A part without listeners is closed after a while, or before to make room for others. Open
        it again to prevent that.
        """
        wanted = {str(name): name for name in names}
        missing = len(wanted.keys() - self._open.keys())
        excess = len(self._open) + missing - self._limits.max_parts
        if excess > 0:
            idle = [part for part in self._idle(now - OPENING) if part.name not in wanted]
            if len(idle) < excess:
                return False
            for part in idle[:excess]:
                self._close(part)
        for name in wanted.values():
            self._open_one(name).idle_since = now
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
