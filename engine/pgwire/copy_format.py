"""Rows as COPY prints them, in its text and its binary format (PostgreSQL's documentation, COPY).

Each function returns what one CopyData message carries.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"[\\\n\r\t]")
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})

BINARY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
"""Flags and the length of an extension follow the signature. It is sent with the first row."""
BINARY_TRAILER = struct.pack("!h", -1)

_COUNT = struct.Struct("!h")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)


def text_row(values: Iterable[str | None]) -> bytes:
    r"""One line: TAB between the values, `\N` for NULL, four characters escaped."""
    parts = ["\\N" if value is None else escape(value) for value in values]
    return ("\t".join(parts) + "\n").encode("utf-8", "replace")


def escape(value: str) -> str:
    """Escape exactly backslash, newline, carriage return and tab."""
    return value.translate(_ESCAPES) if _SPECIAL.search(value) else value


def binary_row(values: Sequence[bytes | None]) -> bytes:
    """A count and each value with its length, -1 for NULL."""
    parts = [_COUNT.pack(len(values))]
    for value in values:
        parts += (_NULL,) if value is None else (_LENGTH.pack(len(value)), value)
    return b"".join(parts)
