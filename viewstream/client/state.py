"""What a client holds of one view, and what each message does to it. No I/O.

`static/viewstream/state.js` is the same core in JavaScript; `tests/vectors/client.json` holds
both to the same behaviour. The rules are those of `docs/protocol.md`: a base replaces, a delta
is taken by the interval rule, a gap or a wrong checksum ends the connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from viewstream.checksum import MODULUS, checksum
from viewstream.protocol import Base, Column, Delta, Message, Position, Row, Status

GAP = 4000
"""Close code of a client that cannot apply what it was sent, because something is missing."""
WRONG_CHECKSUM = 4001
"""Close code of a client whose rows have another checksum than the server says."""
TRIES = 3
"""After so many wrong checksums in a row a client goes on, unverified."""
MAX_WAITING = 100_000
"""Deltas and updates that are kept for a base that has not come."""

Rows: TypeAlias = dict[Row, int]
"""A multiset of rows: how often each is there. No weight is 0."""


class RefusalError(Exception):
    """A message that cannot be applied: the connection is to be closed with `code`.

    The state has forgotten its position by then, so that the next connection does not resume;
    the rows stay, for those who look at them, until a base replaces them.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Change:
    """What one message did: the view is at `upper` now, which is a consistent point.

    `lower` is the frontier before, or None when a base replaced everything. `rows` are those
    that came (weight above 0) and went (below 0); none when only the frontier moved.
    """

    view: str
    epoch: str
    lower: int | None
    upper: int
    rows: Mapping[Row, int]


@dataclass
class _Held:
    """The contents of a view at `frontier`; `checksum` is None until one has been needed."""

    epoch: str
    frontier: int
    columns: list[Column]
    rows: Rows
    checksum: int | None = None


@dataclass
class ViewState:
    """One view as a client has it. Change it with `receive`, `disconnected` and `forget` only.

    `rows` are what there is to show; `position` is where they stand, or None when the next
    message that counts is a base. `status` is the server's last word on this connection.
    """

    view: str
    columns: list[Column] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)
    status: Status | None = None
    max_waiting: int = MAX_WAITING
    _held: _Held | None = None
    _waiting: list[Delta] = field(default_factory=list)
    _waiting_size: int = 0
    _failures: int = 0
    _last_checksum_fits: bool = True

    @property
    def position(self) -> Position | None:
        return Position(self._held.epoch, self._held.frontier) if self._held else None

    @property
    def unverified(self) -> bool:
        """Whether checksums failed `TRIES` times running, and the last one did."""
        return self._failures >= TRIES and not self._last_checksum_fits

    @property
    def resume(self) -> str:
        """What to ask the server for: `VIEW`, or `VIEW@EPOCH:FRONTIER`."""
        position = self.position
        return self.view if position is None else f"{self.view}@{position}"

    def listed(self) -> Iterator[Row]:
        """The rows one by one: a row that is there twice comes twice."""
        for row, weight in self.rows.items():
            for _ in range(weight):
                yield row

    def disconnected(self) -> None:
        """The connection is gone: what waited for its base is void, what is held stays."""
        self._let_go()
        self.status = None

    def forget(self) -> None:
        """Give up the position, so that a base must come; the rows stay to be shown."""
        self._held = None
        self._let_go()

    def _let_go(self) -> None:
        self._waiting.clear()
        self._waiting_size = 0


def receive(state: ViewState, message: Message) -> Change | None:
    """Take one message that the server sent for this view; None means that nothing moved.

    Raises RefusalError if the message cannot be applied; then nothing of it has been.
    """
    try:
        match message:
            case Base():
                return _receive_base(state, message)
            case Delta():
                return _receive_delta(state, message)
            case Status():
                state.status = message
                return None
    except RefusalError:
        state.forget()
        raise


def _receive_base(state: ViewState, base: Base) -> Change | None:
    held = state._held
    if held is not None and held.epoch == base.epoch and held.frontier >= base.upper:
        return None
    _check_width(base.rows, base.columns)
    fresh = _Held(base.epoch, base.upper, base.columns, _count(base.rows))
    _verify(state, fresh, base.checksum, of_base=True)
    for delta in _take_waiting(state, base.epoch):
        _advance(state, fresh, delta)
    change = _difference(state.rows, fresh.rows)
    state.columns, state.rows, state._held = base.columns, fresh.rows, fresh
    return Change(state.view, fresh.epoch, None, fresh.frontier, change)


def _receive_delta(state: ViewState, delta: Delta) -> Change | None:
    held = state._held
    if held is None or held.epoch != delta.epoch:
        _let_wait(state, delta)
        return None
    lower = held.frontier
    change = _advance(state, held, delta)
    if held.frontier == lower:
        return None
    return Change(state.view, held.epoch, lower, held.frontier, change)


def _let_wait(state: ViewState, delta: Delta) -> None:
    state._waiting.append(delta)
    state._waiting_size += 1 + len(delta.updates)
    if state._waiting_size > state.max_waiting:
        raise RefusalError(GAP, f"no base of {delta.epoch} came before {state.max_waiting} updates")


def _take_waiting(state: ViewState, epoch: str) -> list[Delta]:
    """Take out the waiting deltas of `epoch`, in the order of their intervals."""
    taken = [delta for delta in state._waiting if delta.epoch == epoch]
    state._waiting = [delta for delta in state._waiting if delta.epoch != epoch]
    state._waiting_size = sum(1 + len(delta.updates) for delta in state._waiting)
    return sorted(taken, key=lambda delta: (delta.lower, delta.upper))


def _advance(state: ViewState, held: _Held, delta: Delta) -> Rows:
    """Apply a delta of the same epoch by the interval rule; return what changed.

    Raises RefusalError for a gap, or if what would come out is not what the server has; `held` is
    then as it was.
    """
    if delta.upper <= held.frontier:
        return {}
    if delta.lower > held.frontier or (delta.folded and delta.lower != held.frontier):
        kind = "a folded delta" if delta.folded else "a delta"
        raise RefusalError(GAP, f"{kind} begins at {delta.lower}, the frontier is {held.frontier}")
    _check_width((row for _, _, row in delta.updates), held.columns)
    change: Rows = {}
    for time, diff, row in delta.updates:
        if time >= held.frontier:
            _add(change, row, diff)
    after = replace(held, frontier=delta.upper)
    if after.checksum is not None:
        after.checksum = (after.checksum + checksum(_weighted(change))) % MODULUS
    elif delta.checksum is not None:
        after.checksum = checksum(_weighted(held.rows)) + checksum(_weighted(change))
        after.checksum %= MODULUS
    if any(held.rows.get(row, 0) + diff < 0 for row, diff in change.items() if diff < 0):
        _disagree(state, f"at {delta.upper} a row went that was not there")
    _verify(state, after, delta.checksum, of_base=False)
    for row, diff in change.items():
        _add(held.rows, row, diff)
    held.frontier, held.checksum = after.frontier, after.checksum
    return change


def _verify(state: ViewState, held: _Held, expected: int | None, *, of_base: bool) -> None:
    """Compare checksums, if the message carries one.

    A base that fits does not end a row of failures, only a delta does: else a server whose
    deltas are always wrong would make its clients come back for ever.
    """
    if expected is None:
        return
    if held.checksum is None:
        held.checksum = checksum(_weighted(held.rows))
    if held.checksum != expected:
        _disagree(state, f"at {held.frontier} the checksum is {held.checksum}, not {expected}")
        return
    state._last_checksum_fits = True
    if not of_base:
        state._failures = 0


def _disagree(state: ViewState, reason: str) -> None:
    """Count a failure; raise RefusalError unless there were too many to hope for better."""
    state._last_checksum_fits = False
    state._failures += 1
    if state._failures < TRIES:
        raise RefusalError(WRONG_CHECKSUM, reason)


def _check_width(rows: Iterable[Row], columns: Sequence[Column]) -> None:
    for row in rows:
        if len(row) != len(columns):
            raise RefusalError(GAP, f"expected rows of {len(columns)} values, found {list(row)!r}")


def _count(rows: Sequence[Row]) -> Rows:
    counted: Rows = {}
    for row in rows:
        counted[row] = counted.get(row, 0) + 1
    return counted


def _difference(old: Rows, new: Rows) -> Rows:
    change = dict(new)
    for row, weight in old.items():
        _add(change, row, -weight)
    return change


def _add(rows: Rows, row: Row, diff: int) -> None:
    weight = rows.get(row, 0) + diff
    if weight:
        rows[row] = weight
    else:
        rows.pop(row, None)


def _weighted(rows: Rows) -> Iterator[tuple[int, Row]]:
    return ((weight, row) for row, weight in rows.items())
