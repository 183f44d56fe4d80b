"""The dataflows that have caught up, stepped together: one tick, one time, all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from engine.coordinator.maintained import Maintained, is_unfinished, step_all
from engine.zset import Portion, ZSet

PIECE_ROWS = 2048
"""Changed rows that are processed in one step."""


class Graph:
    """All live dataflows, those that others read before their readers.

    `upper` is the lowest time that is not closed: whatever is below it can no longer change.
    """

    def __init__(self, upper: int) -> None:
        self.upper = upper
        self.is_advancing = False
        """Whether a time is being processed in slices; no dataflow may be attached until then."""
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

    def advance(self, time: int, portions: Iterable[Portion], changed: set[str]) -> Iterator[None]:
        """Process the changes of sources and tables at `time`, and close it.

        No more than two portions are in memory at once. Temporal filters add and remove rows at
        their own times before it. The ids of everything that changed or ended are added to
        `changed`. Yields after each slice of some milliseconds.
        """
        assert time >= self.upper
        self.is_advancing = True
        try:
            while (due := self._due(time)) is not None:
                yield from self._step(due, {}, changed)
            yield from self._process(time, _all_pieces(portions, changed), changed)
        finally:
            self.is_advancing = False
        self.upper = time + 1
        done = [member for member in self._members if self._is_done(member)]
        for member in done:
            self._members.remove(member)
            changed.add(member.id)

    def _process(self, time: int, pieces: Iterator[Portion], changed: set[str]) -> Iterator[None]:
        """Step all members with the pieces of a time; several of them are one change."""
        first = next(pieces, {})
        second = next(pieces, None)
        if second is None:
            self._defer(False)
            yield from self._step(time, first, changed)
            return
        self._defer(True)
        for piece in chain((first, second), pieces):
            if self._has_room_for(piece):
                self._absorb(piece)
                yield
            else:
                yield from self._step(time, piece, changed)
        self._defer(False)
        yield from self._step(time, {}, changed)

    def _step(self, time: int, changes: Portion, changed: set[str]) -> Iterator[None]:
        changed.update(step_all(self.members, time, changes))
        yield
        while is_unfinished(self._members):
            changed.update(step_all(self.members, time, {}))
            yield

    def _has_room_for(self, piece: Portion) -> bool:
        """Whether the next step does not get too long if it is made of this piece, too."""
        waiting = max((member.rows_absorbed for member in self._members), default=0)
        return waiting + max(map(len, piece.values()), default=0) < PIECE_ROWS

    def _absorb(self, piece: Portion) -> None:
        for member in self._members:
            member.absorb(piece)

    def _defer(self, deferred: bool) -> None:
        for member in self._members:
            member.defer(deferred)

    def _due(self, before: int) -> int | None:
        times = [m.next_time for m in self._members if m.next_time is not None]
        due = min(times, default=None)
        return due if due is not None and due < before else None

    def _is_done(self, member: Maintained) -> bool:
        if member.error is None and all(c.finished for c in member.inputs.values()):
            member.finish_if_done()
        return member.finished or member.error is not None


def _all_pieces(portions: Iterable[Portion], changed: set[str]) -> Iterator[Portion]:
    """The pieces of all portions; the ids of what they change are added to `changed`."""
    for portion in portions:
        changed.update(portion)
        yield from filter(None, _pieces(portion))


def _pieces(changes: Portion) -> Iterator[Portion]:
    """The changes in pieces that do not take long; the first may be empty.

    Portions of a source are small, so only the changes of tables are cut.
    """
    large = {
        id: change
        for id, change in changes.items()
        if isinstance(change, dict) and len(change) > PIECE_ROWS
    }
    yield {id: change for id, change in changes.items() if id not in large}
    for id, change in large.items():
        for piece in pieces_of(change):
            yield {id: piece}


def pieces_of(change: ZSet) -> Iterator[ZSet]:
    """The change in pieces of `PIECE_ROWS` rows."""
    rows = iter(change.items())
    while piece := dict(islice(rows, PIECE_ROWS)):
        yield piece
