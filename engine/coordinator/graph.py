"""The dataflows that have caught up, stepped together: one tick, one time, all of them."""

from __future__ import annotations

from collections.abc import Mapping

from engine.coordinator.maintained import Maintained, step_all
from engine.zset import Change


class Graph:
    """All live dataflows, those that others read before their readers.

    `upper` is the lowest time that is not closed: whatever is below it can no longer change.
    """

    def __init__(self, upper: int) -> None:
        self.upper = upper
        self._members: list[Maintained] = []

    @property
    def members(self) -> tuple[Maintained, ...]:
        return tuple(self._members)

    def attach(self, member: Maintained) -> None:
        """Take over a dataflow that was stepped for every time below `upper`."""
        if member.is_wanted:
            member.finish_if_done()
        if member.is_wanted and not member.finished:
            self._members.append(member)
        member.set_complete()

    def detach(self, member: Maintained) -> None:
        if member in self._members:
            self._members.remove(member)

    def advance(self, time: int, changes: Mapping[str, Change]) -> dict[str, Change]:
        """Put `changes` (by the ids of sources and tables) through at `time`, and close it.

        Rows that come or go by themselves do so at their own times before it. Returns the
        ids of everything that changed or ended, each with its change at `time`, if any.
        """
        assert time >= self.upper
        changed: dict[str, Change] = {}
        while (due := self._due(time)) is not None:
            changed |= {id: {} for id in step_all(self._members, due, {})}
        changed |= step_all(self._members, time, changes)
        self.upper = time + 1
        done = [member for member in self._members if self._is_done(member)]
        for member in done:
            self._members.remove(member)
            changed.setdefault(member.id, {})
        return changed

    def _due(self, before: int) -> int | None:
        times = [m.next_time for m in self._members if m.next_time is not None]
        due = min(times, default=None)
        return due if due is not None and due < before else None

    def _is_done(self, member: Maintained) -> bool:
        if member.error is None and all(c.finished for c in member.inputs.values()):
            member.finish_if_done()
        return member.finished or member.error is not None
