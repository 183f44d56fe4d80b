"""Encodes the rows of a view as JSON, NDJSON or CSV, in slices. No I/O.

A worker thread would not help: this is Python code, which holds the GIL.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice, repeat
from typing import TypeAlias

import msgspec

from server.hub.engine_answer import Layout, Place, ReadBase
from server.hub.history import Snapshot
from viewstream.protocol import Base, Column, Delta, Row, decode, distinct_columns

SLICE = 1_000
"""Rows that are encoded at once."""
MAX_ROWS = 2_000_000
"""Rows of the longest list: as many as a base may have, if they are all different."""

_decode_rows: Callable[[bytes], list[Row]] = msgspec.json.Decoder(list[Row]).decode
_decode_weights: Callable[[bytes], list[int]] = msgspec.json.Decoder(list[int]).decode
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


class TooManyRowsError(Exception):
    """The rows are too many to be listed one by one; the message is for the client."""


@dataclass(frozen=True)
class Table:
    """The rows of a view at one time. They can be an iterator, which is used up by one use."""

    columns: Sequence[Column]
    rows: Iterable[Row]

    def encode(self, format_: Format) -> bytes:
        return b"".join(self.encode_slices(format_))

    def encode_slices(self, format_: Format) -> Iterator[bytes]:
        """Encode in slices, each some milliseconds of work."""
        rows = iter(self.rows)
        slices = iter(lambda: list(islice(rows, SLICE)), [])
        columns = distinct_columns(self.columns)
        if format_ is Format.CSV:
            return _encode_csv(columns, slices)
        if format_ is Format.NDJSON:
            return _encode_lines(columns, slices)
        return _encode_array(columns, slices)


def make_table(snapshot: Snapshot) -> Table:
    """Apply the delta of a snapshot to its base; raises TooManyRowsError."""
    layout = snapshot.base.layout
    if layout is not None and layout.total > MAX_ROWS:
        raise TooManyRowsError(
            f"the view has {layout.total:,} rows, many of them equal, and at most {MAX_ROWS:,} are"
            " listed: follow it at /view/stream with weights=1"
        )
    columns, rows = _read_base(snapshot.base)
    if snapshot.delta is None:
        return Table(columns, rows)
    delta = decode(bytes(snapshot.delta.payload))
    assert isinstance(delta, Delta)
    return Table(columns, _apply(delta, rows))


def _read_base(base: ReadBase) -> tuple[Sequence[Column], Iterator[Row]]:
    """Decode a base slice by slice: as a whole it could take a second, and hold the GIL."""
    payload = base.message.payload
    if base.layout is None:
        whole = decode(bytes(payload))
        assert isinstance(whole, Base)
        return whole.columns, iter(whole.rows)
    return base.layout.columns, _read_slices(payload, base.layout)


def _read_slices(payload: memoryview, layout: Layout) -> Iterator[Row]:
    for index, place in enumerate(layout.rows):
        rows = _decode_rows(_array(payload, place))
        if layout.weights is None:
            yield from rows
        else:
            weights = _decode_weights(_array(payload, layout.weights[index]))
            yield from chain.from_iterable(map(repeat, rows, weights))


def _array(payload: memoryview, place: Place) -> bytes:
    return b"[" + payload[place.start : place.end] + b"]"


def _apply(delta: Delta, rows: Iterator[Row]) -> Iterator[Row]:
    """Yield the rows after a delta; needs memory for the delta only."""
    change: Counter[Row] = Counter()
    for _, diff, row in delta.updates:
        change[row] += diff
    for row in rows:
        if change.get(row, 0) < 0:
            change[row] += 1
        else:
            yield row
    yield from change.elements()


# --- JSON ------------------------------------------------------------------------------------


def _encode_array(columns: Sequence[Column], slices: Iterable[list[Row]]) -> Iterator[bytes]:
    start = b"["
    for rows in slices:
        yield start + b",\n ".join(_encode_objects(columns, rows))
        start = b",\n "
    yield b"[]\n" if start == b"[" else b"]\n"


def _encode_lines(columns: Sequence[Column], slices: Iterable[list[Row]]) -> Iterator[bytes]:
    for rows in slices:
        yield b"".join(line + b"\n" for line in _encode_objects(columns, rows))


def _encode_objects(columns: Sequence[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """Encode each row as an object."""
    fields = [(_encode_text(column.name) + b":", _converter(column.type)) for column in columns]
    for row in rows:
        values = zip(fields, row, strict=True)
        parts = [
            key + (b"null" if text is None else convert(text)) for (key, convert), text in values
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


def _encode_csv(columns: Sequence[Column], slices: Iterable[list[Row]]) -> Iterator[bytes]:
    """Encode as RFC 4180 has it, with NULL as an empty field and an empty text as `""`."""
    yield (",".join(_field(column.name) for column in columns) + "\r\n").encode()
    for rows in slices:
        yield "".join(",".join(map(_field, row)) + "\r\n" for row in rows).encode()


def _field(text: str | None) -> str:
    if text is None:
        return ""
    if text and not _SPECIAL.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


_SPECIAL = re.compile(r'[",\r\n]|^\s|\s$')
