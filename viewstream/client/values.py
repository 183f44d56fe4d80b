"""Python values of PostgreSQL's texts. No I/O.

    int2 int4 int8      int
    float4 float8       float (Infinity, -Infinity and NaN are themselves)
    numeric             Decimal: every digit counts
    bool                bool
    everything else     the text as it is

NULL is None, whatever the type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeAlias

from viewstream.protocol import Column, Row

Value: TypeAlias = str | int | float | bool | Decimal | None

_READERS: dict[str, Callable[[str], Value]] = {
    "int2": int,
    "int4": int,
    "int8": int,
    "float4": float,
    "float8": float,
    "numeric": Decimal,
    "bool": lambda text: text == "t",
}


def read_value(type_name: str, text: str | None) -> Value:
    """Return the value that `text` of that PostgreSQL type stands for."""
    if text is None:
        return None
    reader = _READERS.get(type_name)
    return text if reader is None else reader(text)


def read_row(columns: Sequence[Column], row: Row) -> dict[str, Value]:
    """Return a row as a dict from the columns' names to values."""
    return {
        column.name: read_value(column.type, text)
        for column, text in zip(columns, row, strict=True)
    }
