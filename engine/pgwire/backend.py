"""Encodes the messages of the server: each function returns the bytes of one.

The names are those of PostgreSQL's documentation, chapter "Frontend/Backend Protocol", "Message
Formats"; `engine.pgwire.reader` does the other direction.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple

from engine.errors import SqlError

REFUSE_ENCRYPTION = b"N"
"""The answer to SslRequest and GssEncryptionRequest; it is a byte, not a message."""

TransactionStatus = Literal["I", "T", "E"]
"""Idle, in a transaction, in a transaction that has failed."""

_INT16 = struct.Struct("!h")
_INT32 = struct.Struct("!i")
_PAIR = struct.Struct("!ii")
_FIELD = struct.Struct("!ihihih")
_COUNT = struct.Struct("!H")
NULL_VALUE = _INT32.pack(-1)
"""A NULL of a DataRow; other values are their length, by `pack_length`, and their bytes."""
pack_length = _INT32.pack
pack_count = _COUNT.pack
MAX_COLUMNS = 32_767


_COPY_HEADS = [b"d" + _INT32.pack(size + 4) for size in range(2048)]
"""The head of a CopyData message by the size of what it carries."""


class Field(NamedTuple):
    """A column of a result: its type by PostgreSQL's numbers, its format 0 (text) or 1."""

    name: str
    type_oid: int
    type_size: int
    format_code: int = 0


def _message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + _INT32.pack(len(body) + 4) + body


def _string(text: str) -> bytes:
    """A C string; a NUL, which the protocol cannot carry, is left out."""
    return text.replace("\0", "").encode("utf-8", "replace") + b"\0"


def authentication_ok() -> bytes:
    return _message(b"R", _INT32.pack(0))


def parameter_status(name: str, value: str) -> bytes:
    return _message(b"S", _string(name) + _string(value))


def backend_key_data(process_id: int, secret: int) -> bytes:
    return _message(b"K", _PAIR.pack(process_id, secret))


def negotiate_protocol_version(minor: int, options: Sequence[str]) -> bytes:
    """Tell the newest minor version that is spoken and the options that are not known."""
    names = b"".join(map(_string, options))
    return _message(b"v", _PAIR.pack(minor, len(options)) + names)


def ready_for_query(status: TransactionStatus) -> bytes:
    return _message(b"Z", status.encode())


def row_description(fields: Sequence[Field]) -> bytes:
    parts = [_COUNT.pack(len(fields))]
    for name, oid, size, format_code in fields:
        parts += _string(name), _FIELD.pack(0, 0, oid, size, -1, format_code)
    return _message(b"T", b"".join(parts))


def command_complete(tag: str) -> bytes:
    return _message(b"C", _string(tag))


def empty_query_response() -> bytes:
    return _message(b"I")


def error_response(error: SqlError, severity: Literal["ERROR", "FATAL"] = "ERROR") -> bytes:
    return _message(b"E", _report(severity, error))


def notice_response(notice: SqlError) -> bytes:
    """A remark that ends nothing, in the fields of an error."""
    return _message(b"N", _report("NOTICE", notice))


def _report(severity: str, error: SqlError) -> bytes:
    fields = [
        (b"S", severity),
        (b"V", severity),
        (b"C", error.code),
        (b"M", error.message),
        (b"D", error.detail),
        (b"H", error.hint),
        (b"P", None if error.position is None else str(error.position)),
    ]
    parts = [name + _string(value) for name, value in fields if value is not None]
    return b"".join(parts) + b"\0"


def parse_complete() -> bytes:
    return _message(b"1")


def bind_complete() -> bytes:
    return _message(b"2")


def close_complete() -> bytes:
    return _message(b"3")


def no_data() -> bytes:
    return _message(b"n")


def portal_suspended() -> bytes:
    return _message(b"s")


def parameter_description(type_oids: Sequence[int]) -> bytes:
    return _message(
        b"t", _COUNT.pack(len(type_oids)) + b"".join(_INT32.pack(oid) for oid in type_oids)
    )


def copy_out_response(width: int, *, binary: bool) -> bytes:
    """Begin a COPY to the client of `width` columns, all of one format."""
    formats = _INT16.pack(int(binary)) * width
    return _message(b"H", bytes([binary]) + _COUNT.pack(width) + formats)


def copy_in_response(width: int) -> bytes:
    """Begin a COPY from the client of `width` columns in text."""
    return _message(b"G", b"\0" + _COUNT.pack(width) + _INT16.pack(0) * width)


def copy_data(data: bytes) -> bytes:
    return _message(b"d", data)


def copy_data_of_each(parts: Sequence[bytes]) -> bytes:
    """A CopyData message for each of many parts."""
    heads, most = _COPY_HEADS, len(_COPY_HEADS)
    if max(map(len, parts), default=0) >= most:
        return b"".join(map(copy_data, parts))
    return b"".join([heads[len(part)] + part for part in parts])


def copy_done() -> bytes:
    return _message(b"c")
