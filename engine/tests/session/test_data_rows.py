"""DataRow messages equal what the types give, value by value."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

from engine.pgwire.messages import BINARY, TEXT
from engine.relation import Column
from engine.session import encode
from engine.tests.session.test_change_text import values
from engine.types import SCALARS, SqlType
from engine.types import TEXT as TEXT_TYPE


def message(columns: list[Column], formats: list[int], row: tuple[Any, ...]) -> bytes:
    """A DataRow as PostgreSQL's documentation describes it."""
    body = struct.pack("!H", len(row))
    for column, code, value in zip(columns, formats, row, strict=True):
        if value is None:
            body += struct.pack("!i", -1)
            continue
        kind = column.type
        data = kind.to_text(value).encode("utf-8", "replace")
        data = kind.to_binary(value) if code == BINARY else data
        body += struct.pack("!i", len(data)) + data
    return b"D" + struct.pack("!i", len(body) + 4) + body


def encodable(kind: SqlType, code: int) -> list[Any]:
    """The values of a type; a lone surrogate and a negative oid have no binary form."""
    unsigned = kind.name in ("oid", "regtype")
    without = ["\ud800", -1] if unsigned else ["\ud800"]
    return [value for value in values(kind) if code == TEXT or value not in without]


@pytest.mark.parametrize("code", [TEXT, BINARY])
@pytest.mark.parametrize("kind", SCALARS, ids=lambda kind: kind.name)
def test_every_type(kind: SqlType, code: int) -> None:
    encoder = encode.data_rows([Column("a", kind)], [code])
    for value in encodable(kind, code):
        assert encoder((value,)) == message([Column("a", kind)], [code], (value,))


def test_random_rows() -> None:
    chance = random.Random(1)
    for _ in range(300):
        columns = [Column(f"c{n}", chance.choice(SCALARS)) for n in range(chance.randrange(6))]
        formats = [chance.choice([TEXT, BINARY]) for _ in columns]
        row = tuple(
            chance.choice(encodable(column.type, code))
            for column, code in zip(columns, formats, strict=True)
        )
        assert encode.data_rows(columns, formats)(row) == message(columns, formats, row)


def test_the_bytes() -> None:
    columns = [Column("a", TEXT_TYPE)] * 3
    row = encode.data_rows(columns, ())(("ab", None, ""))
    assert row == b"D\0\0\0\x14\0\3\0\0\0\2ab\xff\xff\xff\xff\0\0\0\0"


def test_many_columns() -> None:
    columns = [Column("a", TEXT_TYPE)] * 10_000
    row = ("x",) * 10_000
    assert encode.data_rows(columns, ())(row) == message(columns, [TEXT] * 10_000, row)
