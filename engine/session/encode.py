"""Rows of values as the bytes of messages, in text or binary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine import types
from engine.code import define
from engine.errors import SqlError
from engine.pgwire import backend, copy_format
from engine.pgwire.messages import BINARY, TEXT
from engine.relation import Column
from engine.types import BPCHAR, INT2, INT4, INT8, NAME, OID, UNKNOWN, VARCHAR, SqlType
from engine.zset import Row

STRINGS = (types.TEXT, VARCHAR, BPCHAR, NAME, UNKNOWN)
"""Types whose values are their texts."""
INTEGERS = (INT2, INT4, INT8, OID)

RowEncoder = Callable[[Row], bytes]
"""Makes the bytes of one row."""


def fields(columns: Sequence[Column], formats: Sequence[int]) -> list[backend.Field]:
    """The columns as RowDescription has them."""
    return [
        backend.Field(column.name, column.type.oid, column.type.size, format_code)
        for column, format_code in zip(columns, spread(formats, len(columns)), strict=True)
    ]


def spread(formats: Sequence[int], width: int) -> list[int]:
    """One format for each value: none given means text, one is for all. Raises SqlError."""
    if len(formats) == width:
        return list(formats)
    if not formats:
        return [TEXT] * width
    if len(formats) == 1:
        return [formats[0]] * width
    raise SqlError(f"expected {width} formats, or one, or none; found {len(formats)}", "08P01")


def data_rows(columns: Sequence[Column], formats: Sequence[int]) -> RowEncoder:
    """Encode rows as DataRow messages, by a function that is generated for the columns."""
    names: dict[str, Any] = {
        "NULL": backend.NULL_VALUE,
        "pack": backend.pack_length,
        "COUNT": backend.pack_count(len(columns)),
    }
    source = ["def encode(row):", f"    ({''.join(f'c{n}, ' for n in range(len(columns)))}) = row"]
    for n, (column, code) in enumerate(zip(columns, spread(formats, len(columns)), strict=True)):
        names[f"encode{n}"] = _binary(column.type) if code == BINARY else _text(column.type)
        data = f"encode{n}(c{n})"
        if code == TEXT and column.type in STRINGS:
            data = f"c{n}.encode('utf-8', 'replace')"
        elif code == TEXT and column.type in INTEGERS:
            data = f"b'%d' % c{n}"
        source += [
            f"    if c{n} is None: v{n} = NULL",
            f"    else: v{n} = {data}; v{n} = pack(len(v{n})) + v{n}",
        ]
    # A tuple, since a sum of many values would be nested too deeply for the compiler.
    values = "".join(f"v{n}, " for n in range(len(columns)))
    source += [
        f"    body = b''.join((COUNT, {values}))",
        "    return b'D' + pack(len(body) + 4) + body",
    ]
    return define("encode", source, names)  # type: ignore[no-any-return]


def _text(kind: SqlType) -> Callable[[Any], bytes]:
    to_text = kind.to_text
    return lambda value: to_text(value).encode("utf-8", "replace")


def _binary(kind: SqlType) -> Callable[[Any], bytes]:
    return kind.to_binary


def copy_text_rows(
    columns: Sequence[Column], write: Callable[[Sequence[str | None]], bytes] = copy_format.text_row
) -> RowEncoder:
    """Encode rows as CopyData messages, each with the line that `write` makes of its texts."""
    to_texts = [column.type.to_text for column in columns]

    def encode(row: Row) -> bytes:
        values = [
            None if value is None else to_text(value)
            for to_text, value in zip(to_texts, row, strict=True)
        ]
        return backend.copy_data(write(values))

    return encode


def copy_binary_rows(columns: Sequence[Column]) -> RowEncoder:
    """Encode rows in COPY's binary format, without the messages, header and trailer around it."""
    encoders = [column.type.to_binary for column in columns]

    def encode(row: Row) -> bytes:
        values = [
            None if value is None else encoder(value)
            for encoder, value in zip(encoders, row, strict=True)
        ]
        return copy_format.binary_row(values)

    return encode


def decode_parameters(
    types: Sequence[SqlType], formats: Sequence[int], values: Sequence[bytes | None]
) -> list[Any]:
    """The parameters of a Bind message as values of their types; raises SqlError."""
    format_codes = spread(formats, len(values))
    return [
        None if value is None else _decode(kind, format_code, value)
        for kind, format_code, value in zip(types, format_codes, values, strict=True)
    ]


def _decode(kind: SqlType, format_code: int, value: bytes) -> Any:
    if format_code == BINARY:
        decoded = kind.from_binary(value)
        _refuse_nul(decoded)
        return decoded
    try:
        text = value.decode()
        _refuse_nul(text)
        return kind.from_text(text)
    except UnicodeDecodeError as error:
        raise SqlError(
            f'invalid byte sequence for encoding "UTF8": {value[error.start : error.end]!r}',
            "22021",
        ) from error


def _refuse_nul(value: Any) -> None:
    """Raise SqlError for a text with a NUL, which no answer could carry."""
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str) and "\0" in text:
            raise SqlError('invalid byte sequence for encoding "UTF8": 0x00', "22021")
