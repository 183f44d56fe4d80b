"""Rows as COPY prints them, in its text and its binary format (PostgreSQL's documentation, COPY).

Each function returns what one CopyData message carries.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence

from engine.delimited import Dialect

_SPECIAL = re.compile(r"[\\\n\r\t]")
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})

BINARY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
"""Flags and the length of an extension follow the signature. It is sent with the first row."""
BINARY_TRAILER = struct.pack("!h", -1)

_COUNT = struct.Struct("!h")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)


def text_row(values: Iterable[str | None], delimiter: str = "\t", null: str = "\\N") -> bytes:
    """One line: the delimiter between the values, four characters and the delimiter escaped."""
    parts = [null if value is None else escape(value) for value in values]
    if delimiter != "\t":
        parts = [part.replace(delimiter, "\\" + delimiter) for part in parts]
    return (delimiter.join(parts) + "\n").encode("utf-8", "replace")


def escape(value: str) -> str:
    """Escape exactly backslash, newline, carriage return and tab."""
    return value.translate(_ESCAPES) if _SPECIAL.search(value) else value


def has_special(value: str) -> bool:
    """Whether `escape` would change the value."""
    return any(character in value for character in "\\\n\r\t")


def csv_row(values: Iterable[str | None], dialect: Dialect) -> bytes:
    """One line of CSV; a value is quoted where it could be read as something else."""
    cells = [(dialect.null or "") if value is None else quoted(value, dialect) for value in values]
    return (dialect.delimiter.join(cells) + "\n").encode("utf-8", "replace")


def quoted(value: str, dialect: Dialect) -> str:
    """The value in quotes, if it needs them."""
    special = (dialect.delimiter, dialect.quote, "\n", "\r")
    if value != dialect.null and value != "\\." and not any(c in value for c in special):
        return value
    for character in {dialect.escape, dialect.quote}:
        value = value.replace(character, dialect.escape + character)
    return f"{dialect.quote}{value}{dialect.quote}"


def binary_row(values: Sequence[bytes | None]) -> bytes:
    """A count and each value with its length, -1 for NULL."""
    parts = [_COUNT.pack(len(values))]
    for value in values:
        parts += (_NULL,) if value is None else (_LENGTH.pack(len(value)), value)
    return b"".join(parts)
