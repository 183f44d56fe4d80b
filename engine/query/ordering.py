"""SQL's order of rows, as keys for Python's sort.

A key is a total order: the columns of ORDER BY are followed by all others, and values that compare
equal but are different (intervals, `1 month` and `30 days`) by their text. So ties are broken in
the same way every time, whatever the order in which rows arrived.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from operator import itemgetter
from typing import Any

from engine import code
from engine.query.plan import SortKey, Types
from engine.types import (
    BOOL,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    OID,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Array,
    SqlType,
)
from engine.zset import Row, Value

SORTED_AT_ONCE = 4096
"""The number of rows that are sorted at once."""

_NARROW = 8
"""Columns beyond which fewer rows are sorted at once."""

_SAMPLES = 16
"""The number of keys of each sorted piece that are sampled to choose the cuts."""

_Keyed = tuple[tuple[Any, ...], Row]
_first = itemgetter(0)

_NEGATED = {BOOL, INT2, INT4, INT8, OID}
"""Types whose descending order is that of the negated values."""

_EPOCHS = {
    DATE: date(2000, 1, 1),
    TIMESTAMP: datetime(2000, 1, 1),
    TIMESTAMPTZ: datetime(2000, 1, 1),
}
"""The dates and times from which a value is subtracted to sort it in reverse."""

_PLAIN = {*_NEGATED, TEXT, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, BYTEA}
"""Types whose values Python orders as SQL does."""

_WITH_NAN = {FLOAT4, FLOAT8, NUMERIC}


_COMPLEMENT = bytes(255 - byte for byte in range(256))


def reversed_text(text: str) -> bytes:
    """A key that sorts texts in reverse, by code points; faster than `Reversed`."""
    # The last byte is above all bytes of UTF-8's complement: a text follows its extensions.
    return text.encode("utf-8", "surrogatepass").translate(_COMPLEMENT) + b"\xff"


class Reversed:
    """A value that sorts in reverse."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: Reversed) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reversed) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)


def row_key(types: Types, order: Sequence[SortKey]) -> Callable[[Row], tuple[Any, ...]]:
    """The sort key of rows with columns of these types: first `order`, then all other columns."""
    writer = _KeyWriter("r")
    for key in order:
        writer.column(key.column, types[key.column], key.descending, key.nulls_first)
    written = {key.column for key in order}
    for index, type_ in enumerate(types):
        if index not in written:
            writer.column(index, type_)
    for index, type_ in enumerate(types):
        writer.tie(f"r[{index}]", type_)
    return writer.function()


def in_order(
    rows: Iterable[Row], types: Types, order: Sequence[SortKey], most: int | None = None
) -> Iterator[list[Row]]:
    """The different rows, with columns of these types, sorted by `order`, then by all columns.

    They are yielded in parts, of which many are empty; each part takes some milliseconds. Only the
    first `most` rows are needed. The method is sample sort: pieces are sorted, then cut at common
    keys, and the parts between two cuts are sorted again.
    """
    key = row_key(types, order)
    pieces: list[list[_Keyed]] = []
    remaining = iter(rows)
    at_once = max(64, SORTED_AT_ONCE * _NARROW // max(_NARROW, len(types)))
    while piece := [(key(row), row) for row in islice(remaining, at_once)]:
        piece.sort(key=_first)
        pieces.append(piece[:most])
        yield []
    starts = [0] * len(pieces)
    for cut in [*_cuts(pieces), None]:
        part: list[_Keyed] = []
        for number, piece in enumerate(pieces):
            end = len(piece) if cut is None else bisect_left(piece, cut, key=_first)
            part += piece[starts[number] : end]
            starts[number] = end
        part.sort(key=_first)
        yield [row for _, row in part]


def _cuts(pieces: Sequence[Sequence[_Keyed]]) -> list[tuple[Any, ...]]:
    """Choose the keys at which to cut the pieces into parts of similar size."""
    samples = [keyed[0] for piece in pieces for keyed in piece[:: max(1, len(piece) // _SAMPLES)]]
    samples.sort()
    return [samples[len(samples) * n // len(pieces)] for n in range(1, len(pieces))]


def value_key(type_: SqlType, *, descending: bool = False) -> Callable[[Value], Any]:
    """The sort key of the type's values, NULLs apart."""
    writer = _KeyWriter("r")
    writer.value("r", type_, descending)
    writer.tie("r", type_)
    return writer.function()


class _KeyWriter:
    """Writes the Python of a key function: a tuple of parts."""

    def __init__(self, argument: str) -> None:
        self._argument = argument
        self._parts: list[str] = []
        self._names: dict[str, Any] = {"Reversed": Reversed}

    def column(
        self, index: int, type_: SqlType, descending: bool = False, nulls_first: bool = False
    ) -> None:
        value = f"r[{index}]"
        self._parts.append(f"{value} is not None" if nulls_first else f"{value} is None")
        start = len(self._parts)
        self.value(value, type_, descending)
        for number in range(start, len(self._parts)):
            part = self._parts[number]
            if part != value:
                self._parts[number] = f"None if {value} is None else {part}"

    def value(self, value: str, type_: SqlType, descending: bool) -> None:
        if type_ in _WITH_NAN:
            # NaN, the greatest value, is compared first: Python does not order it.
            self._parts.append(f"{value} == {value}" if descending else f"{value} != {value}")
            sign = "-" if descending else ""
            self._parts.append(f"{sign}{value} if {value} == {value} else 0")
        elif type_ in _NEGATED and descending:
            self._parts.append(f"-{value}")
        elif type_ in _EPOCHS and descending:
            self._parts.append(f"{self._name(_EPOCHS[type_])} - {value}")
        elif (type_ is TEXT or type_.name in _LIKE_TEXT) and descending:
            self._parts.append(f"{self._name(reversed_text)}({value})")
        else:
            part = value if type_ in _PLAIN or type_.name in _LIKE_TEXT else self._key(value, type_)
            self._parts.append(f"Reversed({part})" if descending else part)

    def tie(self, value: str, type_: SqlType) -> None:
        """Break ties between different values that compare equal."""
        if type_ in (INTERVAL, JSONB) or isinstance(type_, Array):
            name = self._name(type_.to_text)
            self._parts.append(f"'' if {value} is None else {name}({value})")

    def _key(self, value: str, type_: SqlType) -> str:
        return f"{self._name(type_.sort_key)}({value})"

    def _name(self, value: Any) -> str:
        name = f"f{len(self._names)}"
        self._names[name] = value
        return name

    def function(self) -> Callable[[Any], Any]:
        parts = [f"({part})" for part in self._parts]
        return code.function(self._argument, code.row_of(parts), self._names)  # type: ignore[no-any-return]


_LIKE_TEXT = {"varchar", "bpchar", "name"}
