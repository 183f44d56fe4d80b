"""A client's copy of one view, and the effect of each message on it. No I/O.

`static/viewstream/state.js` is the same core in JavaScript; `tests/vectors/client.json` tests both
for the same behaviour. The rules are those of `docs/protocol.md`: a base replaces the rows, a delta
is applied by the interval rule, a gap or a wrong checksum ends the connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from viewstream.checksum import MODULUS, checksum
from viewstream.client.change import Change, Rows, add, difference
from viewstream.protocol import (
    Base,
    Column,
    Delta,
    Message,
    Position,
    Row,
    Status,
    distinct_columns,
)

GAP = 4000
"""Close code of a client that cannot apply a message, because something before it is missing."""
WRONG_CHECKSUM = 4001
"""Close code of a client whose rows have another checksum than the server sent."""
MAX_FAILURES = 3
"""After so many wrong checksums in a row a client continues, unverified."""
MAX_BUFFERED = 100_000
"""Deltas and updates that are buffered before their base comes."""


class RefusalError(Exception):
    """A message cannot be applied, so the connection must be closed with `code`.

    The state has forgotten its position by then, so that the next connection does not resume;
    the rows stay visible until a base replaces them.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass
class _Contents:
    """The rows of a view at `frontier`; `checksum` is None until the next one is needed.

    `hashed` is how many rows of changes were added to it since it was compared.
    """

    epoch: str
    frontier: int
    columns: list[Column]
    rows: Rows
    checksum: int | None = None
    hashed: int = 0


@dataclass
class ViewState:
    """One view as a client has it. Only `receive`, `disconnect` and `forget` change it.

    `rows` are the rows to show; `position` is their point in the view's history, or None if only
    a base can continue them. `status` is the server's last message about this connection.
    """

    view: str
    columns: list[Column] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)
    status: Status | None = None
    max_buffered: int = MAX_BUFFERED
    _contents: _Contents | None = None
    _buffer: list[Delta] = field(default_factory=list)
    _buffered_size: int = 0
    _failures: int = 0
    _last_checksum_fits: bool = True

    @property
    def position(self) -> Position | None:
        contents = self._contents
        return Position(contents.epoch, contents.frontier) if contents else None

    @property
    def is_unverified(self) -> bool:
        """Whether `MAX_FAILURES` checksums in a row were wrong, and the last one was."""
        return self._failures >= MAX_FAILURES and not self._last_checksum_fits

    @property
    def resume(self) -> str:
        """The argument for the server: `VIEW`, or `VIEW@EPOCH:FRONTIER`."""
        position = self.position
        return self.view if position is None else f"{self.view}@{position}"

    def list_rows(self) -> Iterator[Row]:
        """Iterate over the rows one by one: a row that is there twice comes twice."""
        for row, weight in self.rows.items():
            for _ in range(weight):
                yield row

    def disconnect(self) -> None:
        """Drop what belongs to the connection that ended; rows and position stay."""
        self._drop_buffer()
        self.status = None

    def forget(self) -> None:
        """Give up the position, so that a base must come; the rows stay visible."""
        self._contents = None
        self._drop_buffer()

    def _drop_buffer(self) -> None:
        self._buffer.clear()
        self._buffered_size = 0


def receive(state: ViewState, message: Message) -> Change | None:
    """Apply one message about this view; return None if the view is where it was.

    Raises RefusalError, without any effect on the rows, if the message cannot be applied.
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
    contents = state._contents
    if contents is not None and contents.epoch == base.epoch and contents.frontier >= base.upper:
        return None
    _check_width(base.rows, base.columns)
    columns = distinct_columns(base.columns)
    fresh = _Contents(base.epoch, base.upper, columns, _count(base.rows, base.weights))
    _verify(state, fresh, base.checksum, of_base=True)
    for delta in _take_buffered(state, base.epoch):
        _advance(state, fresh, delta)
    change = Change(
        state.view,
        fresh.epoch,
        None,
        fresh.frontier,
        difference(state.rows, fresh.rows),
        columns,
        state.columns or columns,
    )
    state.columns, state.rows, state._contents = columns, fresh.rows, fresh
    return change


def _receive_delta(state: ViewState, delta: Delta) -> Change | None:
    contents = state._contents
    if contents is None or contents.epoch != delta.epoch:
        _add_to_buffer(state, delta)
        return None
    lower = contents.frontier
    change = _advance(state, contents, delta)
    if contents.frontier == lower:
        return None
    columns = contents.columns
    return Change(state.view, contents.epoch, lower, contents.frontier, change, columns, columns)


def _add_to_buffer(state: ViewState, delta: Delta) -> None:
    state._buffer.append(delta)
    state._buffered_size += 1 + len(delta.updates)
    if state._buffered_size > state.max_buffered:
        raise RefusalError(
            GAP, f"no base of {delta.epoch} came before {state.max_buffered} updates"
        )


def _take_buffered(state: ViewState, epoch: str) -> list[Delta]:
    """Take the deltas of `epoch` out of the buffer, in the order of their intervals."""
    taken = [delta for delta in state._buffer if delta.epoch == epoch]
    state._buffer = [delta for delta in state._buffer if delta.epoch != epoch]
    state._buffered_size = sum(1 + len(delta.updates) for delta in state._buffer)
    return sorted(taken, key=lambda delta: (delta.lower, delta.upper))


def _advance(state: ViewState, contents: _Contents, delta: Delta) -> Rows:
    """Apply a delta of the same epoch by the interval rule; return what changed.

    Raises RefusalError, and leaves `contents` as it was, for a gap or if the result would not be
    what the server has.
    """
    if delta.upper <= contents.frontier:
        return {}
    if delta.lower > contents.frontier or (delta.folded and delta.lower != contents.frontier):
        kind = "a folded delta" if delta.folded else "a delta"
        raise RefusalError(
            GAP, f"{kind} begins at {delta.lower}, the frontier is {contents.frontier}"
        )
    _check_width((row for _, _, row in delta.updates), contents.columns)
    change: Rows = {}
    for time, diff, row in delta.updates:
        if time >= contents.frontier:
            add(change, row, diff)
    after = replace(contents, frontier=delta.upper)
    if after.checksum is not None:
        after.checksum = (after.checksum + checksum(_weighted(change))) % MODULUS
    elif delta.checksum is not None:
        after.checksum = checksum(_weighted(contents.rows)) + checksum(_weighted(change))
        after.checksum %= MODULUS
    if any(contents.rows.get(row, 0) + diff < 0 for row, diff in change.items() if diff < 0):
        _count_failure(state, f"at {delta.upper} a row was deleted that was not there")
    _verify(state, after, delta.checksum, of_base=False)
    for row, diff in change.items():
        add(contents.rows, row, diff)
    contents.frontier, contents.checksum = after.frontier, after.checksum
    # A view that changes more often than it has rows is hashed when the server sends a checksum.
    contents.hashed = contents.hashed + len(change) if delta.checksum is None else 0
    if contents.hashed > len(contents.rows):
        contents.checksum = None
    return change


def _verify(state: ViewState, contents: _Contents, expected: int | None, *, of_base: bool) -> None:
    """Compare checksums, if the message has one.

    A base with the right checksum does not reset the failures, only a delta does: otherwise a
    server whose deltas are always wrong would make its clients reconnect for ever.
    """
    if expected is None:
        return
    if contents.checksum is None:
        contents.checksum = checksum(_weighted(contents.rows))
    if contents.checksum != expected:
        _count_failure(
            state, f"at {contents.frontier} the checksum is {contents.checksum}, not {expected}"
        )
        return
    state._last_checksum_fits = True
    if not of_base:
        state._failures = 0


def _count_failure(state: ViewState, reason: str) -> None:
    """Count a failure; raise RefusalError unless there were too many of them already."""
    state._last_checksum_fits = False
    state._failures += 1
    if state._failures < MAX_FAILURES:
        raise RefusalError(WRONG_CHECKSUM, reason)


def _check_width(rows: Iterable[Row], columns: Sequence[Column]) -> None:
    for row in rows:
        if len(row) != len(columns):
            raise RefusalError(GAP, f"expected rows of {len(columns)} values, found {list(row)!r}")


def _count(rows: Sequence[Row], weights: Sequence[int] | None) -> Rows:
    """Count the rows of a base: one that is listed twice has the sum of its weights."""
    if weights is None:
        return dict(Counter(rows))
    if len(weights) != len(rows) or not all(weight > 0 for weight in weights):
        raise RefusalError(GAP, f"expected a weight above 0 for each of {len(rows)} rows")
    counted: Rows = {}
    for row, weight in zip(rows, weights, strict=True):
        counted[row] = counted.get(row, 0) + weight
    return counted


def _weighted(rows: Rows) -> Iterator[tuple[int, Row]]:
    return ((weight, row) for row, weight in rows.items())
