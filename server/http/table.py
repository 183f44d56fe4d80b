"""Encodes the rows of a view as JSON, NDJSON or CSV. No I/O: it runs in a worker thread."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import msgspec

from server.hub.history import Snapshot
from viewstream.protocol import Base, Column, Delta, Row, decode

_encode_text = msgspec.json.Encoder().encode
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NUMBERS = {"int2", "int4", "int8", "oid", "float4", "float8", "numeric"}
_BOOLS = {"t": b"true", "true": b"true", "f": b"false", "false": b"false"}

Convert: TypeAlias = Callable[[str], bytes]
"""From a value's text to its JSON."""


class Format(Enum):
    """A format by its name in `format=`, which is the name; the value is its media type."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    CSV = "text/csv"


@dataclass(frozen=True)
class Table:
    """The rows of a view at one time."""

    columns: Sequence[Column]
    rows: Sequence[Row]

    def encode(self, format_: Format) -> bytes:
        if format_ is Format.CSV:
            return _encode_csv(self)
        objects = _encode_objects(self)
        if format_ is Format.NDJSON:
            return b"".join(line + b"\n" for line in objects)
        return b"[" + b",\n ".join(objects) + b"]\n"


def make_table(snapshot: Snapshot) -> Table:
    """Apply the delta of a snapshot to its base."""
    base = decode(bytes(snapshot.base.payload))
    assert isinstance(base, Base)
    if snapshot.delta is None:
        return Table(base.columns, base.rows)
    delta = decode(bytes(snapshot.delta.payload))
    assert isinstance(delta, Delta)
    if not delta.updates:
        return Table(base.columns, base.rows)
    weights = Counter(base.rows)
    for _, diff, row in delta.updates:
        weights[row] += diff
    return Table(base.columns, list(weights.elements()))


# --- JSON ------------------------------------------------------------------------------------


def _encode_objects(table: Table) -> Iterable[bytes]:
    """Encode each row as an object. Of two columns of one name, the last one counts."""
    last = {column.name: index for index, column in enumerate(table.columns)}
    fields = [
        (_encode_text(name) + b":", index, _converter(table.columns[index].type))
        for name, index in last.items()
    ]
    for row in table.rows:
        values = ((key, row[index], convert) for key, index, convert in fields)
        parts = [
            key + (b"null" if text is None else convert(text)) for key, text, convert in values
        ]
        yield b"{" + b",".join(parts) + b"}"


def _converter(type_: str) -> Convert:
    if type_ in _NUMBERS:
        return _number
    if type_ == "bool":
        return _bool
    if type_ in ("json", "jsonb"):
        return _json
    return _encode_text


def _number(text: str) -> bytes:
    """Keep all digits; what JSON has no number for (NaN, infinities) is a string."""
    return text.encode() if _NUMBER.fullmatch(text) else _encode_text(text)


def _bool(text: str) -> bytes:
    return _BOOLS.get(text) or _encode_text(text)


def _json(text: str) -> bytes:
    """The value itself, in one line and with all digits."""
    try:
        return msgspec.json.format(text.encode(), indent=-1)
    except msgspec.DecodeError:
        return _encode_text(text)


# --- CSV -------------------------------------------------------------------------------------


def _encode_csv(table: Table) -> bytes:
    """Encode as RFC 4180 has it, with NULL as an empty field and an empty text as `""`."""
    header = ",".join(_field(column.name) for column in table.columns)
    lines = (",".join(map(_field, row)) for row in table.rows)
    return "".join(f"{line}\r\n" for line in (header, *lines)).encode()


def _field(text: str | None) -> str:
    if text is None:
        return ""
    if text and not _SPECIAL.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


_SPECIAL = re.compile(r'[",\r\n]|^\s|\s$')
