"""Messages, positions and times of the protocol, as types with their JSON. No I/O.

`docs/protocol.md` defines what they mean. The scripts, the server and the Python client all take
their types from here; `static/viewstream/` has the same rules in JavaScript. Names of views are in
`viewstream/names.py`, the SQL for engines is in `viewstream/dialect.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

MAX_TIME = 2**53 - 1
"""The largest time, and the `upper` of a view that can no longer change."""

MAX_DIFF = 2**53 - 1
"""The largest number that a client in JavaScript can count to, and so the largest diff."""

MAX_SHOWN = 200
"""Characters of a value that an error repeats."""

BODY_LIMIT = 8 * 2**20
"""Bytes of the largest body that a server accepts in a POST, unless it is configured otherwise."""

Row: TypeAlias = tuple[str | None, ...]
"""The text values of one row, as `COPY` prints them once its escapes are undone; None is NULL."""

Update: TypeAlias = tuple[int, int, Row]
"""(time, diff, row): at `time`, `diff` copies of `row` appeared, or vanished if negative."""


class ProtocolError(ValueError):
    """Something breaks the protocol; the message has the value found and what was expected."""


class Column(msgspec.Struct, frozen=True):
    """A column's name and its type, as PostgreSQL names it (`text`, `int8`, ...)."""

    name: str
    type: str


def distinct_columns(columns: Sequence[Column]) -> list[Column]:
    """Rename columns so that no two have one name: of two called `a`, the second is `a_2`.

    A name that a column has already is passed over. `static/viewstream/values.js` does the same.
    """
    taken = {column.name for column in columns}
    seen: set[str] = set()
    found = []
    for column in columns:
        name, number = column.name, 2
        if name in seen:
            while (name := f"{column.name}_{number}") in taken:
                number += 1
        taken.add(name)
        seen.add(name)
        found.append(Column(name, column.type))
    return found


class Base(msgspec.Struct, tag_field="type", tag="base", omit_defaults=True):
    """The rows of a view just before `upper`: it covers [0, upper)."""

    view: str
    epoch: str
    upper: int
    columns: list[Column]
    rows: Sequence[Row]
    checksum: int | None = None
    weights: Sequence[int] | None = None
    """How often each of `rows` is there, if not once: only for clients that asked for weights."""


class Delta(msgspec.Struct, tag_field="type", tag="delta", omit_defaults=True):
    """Every update of a view with lower <= time < upper, sorted by time.

    A `folded` delta has been merged over times too: all its updates have the time `upper - 1`, and
    only a client whose frontier is exactly `lower` may apply it.
    """

    view: str
    epoch: str
    lower: int
    upper: int
    updates: Sequence[Update]
    folded: bool = False
    checksum: int | None = None


class Status(msgspec.Struct, tag_field="type", tag="status", omit_defaults=True):
    """The state of a view's stream, for people; it never changes a client's rows."""

    view: str
    state: Literal["waiting", "live", "stale", "refused"]
    reason: str = ""


Message: TypeAlias = Base | Delta | Status


class Position(msgspec.Struct, frozen=True):
    """A point in one history of a view, written `EPOCH:FRONTIER`."""

    epoch: str
    frontier: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.frontier}"


_EPOCH = re.compile(r"[0-9]{1,16}-[A-Za-z0-9]{1,32}")
_TIME = re.compile(r"[0-9]{1,16}")


@lru_cache(64)
def parse_epoch(text: str) -> str:
    """Return `text` if it has an epoch's form; raise ProtocolError otherwise."""
    if not _EPOCH.fullmatch(text):
        raise ProtocolError(f"expected an epoch such as 1606000000000-u7, found {text!r}")
    return text


def parse_time(text: str) -> int:
    """Return `text` as a time (integer milliseconds); raise ProtocolError otherwise."""
    if not _TIME.fullmatch(text) or int(text) > MAX_TIME:
        raise ProtocolError(f"expected a time from 0 to {MAX_TIME}, found {text!r}")
    return int(text)


def parse_position(text: str) -> Position:
    """Parse `EPOCH:FRONTIER`; raise ProtocolError if it is anything else."""
    epoch, colon, frontier = text.partition(":")
    if not colon:
        raise ProtocolError(f"expected EPOCH:FRONTIER, found {text!r}")
    return Position(parse_epoch(epoch), parse_time(frontier))


encode = msgspec.json.Encoder().encode
"""Encode a message as JSON bytes."""

_decoder: msgspec.json.Decoder[Base | Delta | Status] = msgspec.json.Decoder(Base | Delta | Status)
_delta_decoder: msgspec.json.Decoder[Delta] = msgspec.json.Decoder(Delta)

_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of msgspec for a text that is none of the messages, or is nested too deeply."""


def decode(text: bytes | str) -> Message:
    """Decode a message that a server sent; raises ProtocolError (the field is named)."""
    try:
        return _decoder.decode(text)
    except _UNDECODABLE as error:
        raise ProtocolError(f"expected a message: {error}") from error


def decode_delta(text: bytes) -> Delta:
    """Decode the body of a POST and check the delta's own rules.

    Raises ProtocolError for what is not JSON, not a delta, or breaks a rule: an epoch's form,
    0 <= lower <= upper <= 2^53-1, every time within [lower, upper), sorted by time, no diff 0 and
    none beyond 2^53-1, no (time, row) twice, rows of equal length, and that it is not folded: a
    folded delta is valid at one frontier only, and a pipeline has no way to know those of the
    clients.
    """
    try:
        delta = _delta_decoder.decode(text)
    except _UNDECODABLE as error:
        raise ProtocolError(f"expected a delta: {error}") from error
    check_delta(delta)
    return delta


def check_delta(delta: Delta) -> None:
    """Raise ProtocolError if the delta breaks one of the rules that `decode_delta` names."""
    parse_epoch(delta.epoch)
    if delta.folded:
        raise ProtocolError("expected a delta that keeps times apart, found a folded one")
    if not 0 <= delta.lower <= delta.upper <= MAX_TIME:
        raise ProtocolError(
            f"expected 0 <= lower <= upper <= {MAX_TIME}, found {delta.lower} and {delta.upper}"
        )
    updates = delta.updates
    if not updates:
        return
    last, upper, different = delta.lower, delta.upper, 0
    widths: set[int] = set()
    rows: set[Row] = set()  # of one time: small sets are faster than one large one
    for time, diff, row in updates:
        if time != last:
            different += len(rows)
            rows = set()
        if not last <= time < upper:
            raise ProtocolError(
                f"expected times from {delta.lower} to below {delta.upper} in ascending order, "
                f"found {time} after {last}"
            )
        if diff == 0 or abs(diff) > MAX_DIFF:
            raise ProtocolError(
                f"expected a diff from 1 to {MAX_DIFF}, or its negative, found {_shown(diff)} for"
                f" the row {_shown(list(row))}"
            )
        last = time
        rows.add(row)
        widths.add(len(row))
    if different + len(rows) != len(updates):
        raise ProtocolError("expected each (time, row) once: the updates are not consolidated")
    if len(widths) > 1:
        raise ProtocolError(f"expected rows of one length, found {sorted(widths)}")


def _shown(value: object) -> str:
    """Return a value for an error, shortened: it can be as long as a body."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
