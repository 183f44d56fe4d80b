"""The words that all processes share: messages, epochs, positions, names. No I/O.

`docs/protocol.md` tells what they mean. Everything that speaks of a view's history, in the
scripts, the server, or a Python client, takes its types from here; `static/` holds the
same rules in JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

MAX_TIME = 2**53 - 1
"""The largest time, and the `upper` of a view that can no longer change."""

BODY_LIMIT = 8 * 2**20
"""Bytes of the largest body that a server takes in a POST, unless it was told otherwise."""

Row: TypeAlias = tuple[str | None, ...]
"""The text values of one row, as `COPY` prints them once its escapes are undone; None is NULL."""

Update: TypeAlias = tuple[int, int, Row]
"""(time, diff, row): at `time`, `diff` copies of `row` appeared, or vanished if negative."""


class ProtocolError(ValueError):
    """Something that is not of the protocol; the message names the value and what was expected."""


class Column(msgspec.Struct, frozen=True):
    """A column's name and its type, as PostgreSQL names it (`text`, `int8`, ...)."""

    name: str
    type: str


class Base(msgspec.Struct, tag_field="type", tag="base", omit_defaults=True):
    """The rows of a view just before `upper`: it covers [0, upper)."""

    view: str
    epoch: str
    upper: int
    columns: list[Column]
    rows: Sequence[Row]
    checksum: int | None = None


class Delta(msgspec.Struct, tag_field="type", tag="delta", omit_defaults=True):
    """Every update of a view with lower <= time < upper, sorted by time.

    A `folded` delta has been consolidated over times too: all its updates have the time
    `upper - 1`, and only who stands exactly at `lower` may take it.
    """

    view: str
    epoch: str
    lower: int
    upper: int
    updates: Sequence[Update]
    folded: bool = False
    checksum: int | None = None


class Status(msgspec.Struct, tag_field="type", tag="status", omit_defaults=True):
    """How alive a view is, for people; it never changes what a client holds."""

    view: str
    state: Literal["waiting", "live", "stale"]
    reason: str = ""


Message: TypeAlias = Base | Delta | Status


class Position(msgspec.Struct, frozen=True):
    """Where somebody stands in a view's history; written `EPOCH:FRONTIER`."""

    epoch: str
    frontier: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.frontier}"


_EPOCH = re.compile(r"[0-9]{1,16}-[A-Za-z0-9]{1,32}")
_TIME = re.compile(r"[0-9]{1,16}")
_TIMESTAMPTZ = re.compile(
    r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,6})?([+-]\d\d)(?::?(\d\d))?(?::?(\d\d))?"
)


def parse_epoch(text: str) -> str:
    """Return `text` if it has an epoch's form; raise ProtocolError otherwise."""
    if not _EPOCH.fullmatch(text):
        raise ProtocolError(f"expected an epoch such as 1606000000000-u7, found {text!r}")
    return text


def parse_time(text: str) -> int:
    """Return the time (integer milliseconds) that `text` tells; raise ProtocolError otherwise."""
    if not _TIME.fullmatch(text) or int(text) > MAX_TIME:
        raise ProtocolError(f"expected a time from 0 to {MAX_TIME}, found {text!r}")
    return int(text)


def parse_position(text: str) -> Position:
    """Parse `EPOCH:FRONTIER`; raise ProtocolError if it is anything else."""
    epoch, colon, frontier = text.partition(":")
    if not colon:
        raise ProtocolError(f"expected EPOCH:FRONTIER, found {text!r}")
    return Position(parse_epoch(epoch), parse_time(frontier))


def make_epoch(postmaster_start_time: str, object_id: str) -> str:
    """Name the history of the object `object_id` of the engine started at that time.

    `postmaster_start_time` is the text of a timestamptz, as `pg_postmaster_start_time()`
    prints it in whatever time zone; it is floored to milliseconds. An engine that starts
    again, and an object that is created anew, each give another epoch. Raises ProtocolError.
    """
    match = _TIMESTAMPTZ.fullmatch(postmaster_start_time)
    if match is None:
        raise ProtocolError(
            "expected a timestamptz such as 2020-01-02 01:04:05.678+00, "
            f"found {postmaster_start_time!r}"
        )
    day, clock, fraction, hours, minutes, seconds = match.groups(default="")
    zone = f"{hours}:{minutes or '00'}:{seconds or '00'}"
    start = datetime.fromisoformat(f"{day} {clock}.{fraction[1:]:0<6}{zone}").astimezone(UTC)
    since = start - datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    return parse_epoch(f"{milliseconds}-{object_id}")


def split_view_name(view: str) -> tuple[str, str]:
    """Split `view` or `schema.view` into (schema, name); the schema defaults to `public`.

    The name is the identifier itself, not SQL: no quotes, no folding to lower case. Raises
    ProtocolError for an empty part, for one part too many, and for a NUL.
    """
    parts = view.split(".")
    if len(parts) > 2 or not all(parts) or "\0" in view:
        raise ProtocolError(f"expected a view as NAME or SCHEMA.NAME, found {view!r}")
    return (parts[0], parts[1]) if len(parts) == 2 else ("public", parts[0])


def quote_identifier(name: str) -> str:
    """Quote `name` so that SQL reads exactly it."""
    return '"' + name.replace('"', '""') + '"'


def quote_view(view: str) -> str:
    """The SQL name of `view` (NAME or SCHEMA.NAME); raises ProtocolError."""
    return ".".join(map(quote_identifier, split_view_name(view)))


def epoch_query(view: str) -> str:
    """SQL for the rows (start time, object id) of the relations that `view` names.

    To be read with the type casters switched off: `epoch_of` takes the values' text. One row
    is an answer; none means that there is no such view. Raises ProtocolError.
    """
    schema, name = (part.replace("'", "''") for part in split_view_name(view))
    return (
        "SELECT pg_postmaster_start_time(), o.id"  # noqa: S608 -- both parts are quoted
        " FROM mz_objects o JOIN mz_schemas s ON o.schema_id = s.id"
        f" WHERE s.name = '{schema}' AND o.name = '{name}'"
        " AND o.type IN ('source', 'table', 'view', 'materialized-view', 'materialized view')"
    )


def epoch_of(view: str, answer: Sequence[Sequence[str]]) -> str:
    """The epoch that the rows of `epoch_query(view)` tell.

    Raises LookupError when there is no such view or when several have the name, and
    ProtocolError when the answer is not of the expected form.
    """
    if not answer:
        raise LookupError(f"unknown view {view!r}")
    if len(answer) > 1:
        raise LookupError(f"expected one relation named {view!r}, found {len(answer)}")
    return make_epoch(*answer[0])


def consolidate(updates: Iterable[Update]) -> list[Update]:
    """Merge updates of equal (time, row), drop those that cancel, and sort by time.

    Never merges over times: a base may still fall between two that cancel.
    """
    diffs: dict[tuple[int, Row], int] = {}
    for time, diff, row in updates:
        key = (time, row)
        diffs[key] = diffs.get(key, 0) + diff
    merged = [(time, diff, row) for (time, row), diff in diffs.items() if diff]
    merged.sort(key=_time_of)
    return merged


def _time_of(update: Update) -> int:
    return update[0]


encode = msgspec.json.Encoder().encode
"""Encode a message as JSON bytes."""

_decoder: msgspec.json.Decoder[Base | Delta | Status] = msgspec.json.Decoder(Base | Delta | Status)
_delta_decoder: msgspec.json.Decoder[Delta] = msgspec.json.Decoder(Delta)


def decode(text: bytes | str) -> Message:
    """Decode a message that a server sent; raises ProtocolError (the field is named)."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"expected a message: {error}") from error


def decode_delta(text: bytes) -> Delta:
    """Decode the body of a POST and check the delta's own rules.

    Raises ProtocolError for what is not JSON, not a delta, or breaks a rule: an epoch's form,
    0 <= lower <= upper <= 2^53-1, every time within [lower, upper), sorted by time, no diff 0,
    no (time, row) twice, rows of equal length, and that it is not folded: what was folded is for
    one client, and where it was, nobody else could tell.
    """
    try:
        delta = _delta_decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
    last, upper, different = delta.lower, delta.upper, 0
    widths: set[int] = set()
    rows: set[Row] = set()  # of one time: sets that stay small are what makes this quick
    for time, diff, row in delta.updates:
        if time != last:
            different += len(rows)
            rows = set()
        if not last <= time < upper:
            raise ProtocolError(
                f"expected times from {delta.lower} to below {delta.upper} in ascending order, "
                f"found {time} after {last}"
            )
        if diff == 0:
            raise ProtocolError(f"expected a diff that is not 0 for the row {list(row)!r}")
        last = time
        rows.add(row)
        widths.add(len(row))
    if different + len(rows) != len(delta.updates):
        raise ProtocolError("expected each (time, row) once: the updates are not consolidated")
    if len(widths) > 1:
        raise ProtocolError(f"expected rows of one length, found {sorted(widths)}")
