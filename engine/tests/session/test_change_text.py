"""The changes of a TAIL in COPY's text equal the rows that are encoded one by one."""

from __future__ import annotations

import random
from typing import Any

import pytest

from engine.coordinator import SubscribedChange
from engine.relation import Column
from engine.session import encode
from engine.session.change_text import ChangeText
from engine.session.rows import TailRows, tail_columns
from engine.types import INT8, SCALARS, TEXT, SqlType, array_of
from engine.zset import Row

TEXTS = [
    "",
    "a",
    "Zoë",
    "\\N",
    "\\",
    "a\tb",
    "a\nb",
    "\r",
    "\x00\x0b\x85\u2028",
    "\ud800",
    "{}'{c0}",
]
VALUES: dict[str, list[str]] = {
    "bool": ["t", "f"],
    "float4": ["1.5", "NaN", "-Infinity"],
    "float8": ["1e300", "NaN", "-0"],
    "numeric": ["0.10", "-123456789012345678901234567890", "NaN"],
    "date": ["2020-02-29"],
    "time": ["23:59:59.000001"],
    "timestamp": ["2020-01-02 03:04:05.678"],
    "timestamptz": ["1999-12-31 23:59:59+00"],
    "interval": ["1 mon -2 days 03:00:00.5", "-1 months"],
    "jsonb": ['{"a": "\\\\ \\n\\t", "b": [null, 1e400]}', '"\\u0000"', "null"],
    "bytea": ["\\x00ff5c", "\\x"],
    "uuid": ["00000000-0000-0000-0000-00000000002a"],
}


def values(kind: SqlType) -> list[Any]:
    """NULL and some hostile values of a type."""
    if kind.category == "S" or kind.name == "unknown":
        return [None, *TEXTS]
    if kind.name in VALUES:
        return [None, *map(kind.from_text, VALUES[kind.name])]
    return [None, 0, -1, 2**15 - 1]


def one_by_one(columns: tuple[Column, ...], *changes: SubscribedChange, progress: bool) -> bytes:
    """The same rows by the encoder that knows no TAIL."""

    class Changes:
        def __init__(self) -> None:
            self.columns = columns

        def ready(self) -> list[SubscribedChange]:
            return list(changes)

    rows = TailRows(Changes(), progress=progress).ready()  # type: ignore[arg-type]
    encoder = encode.copy_text_rows(tail_columns(columns, progress=progress))
    return b"".join(map(encoder, rows))


@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize("kind", [*SCALARS, array_of(TEXT)], ids=lambda kind: kind.name)
def test_every_type(kind: SqlType, progress: bool) -> None:
    columns = (Column("a", kind), Column("n", INT8))
    given = [None, ("\\", None, 'a"b\t')] if kind.category == "A" else values(kind)
    text = ChangeText(columns, progress=progress)
    for value in given:
        updates = [((value, number), diff) for number, diff in enumerate((1, -2, 2**62))]
        change = SubscribedChange(2**64 - 1, updates)
        assert text.updates(change) == one_by_one(columns, change, progress=progress)


def test_random_changes() -> None:
    chance = random.Random(1)
    kinds = list(SCALARS)
    for _ in range(300):
        columns = tuple(Column(f"c{n}", chance.choice(kinds)) for n in range(chance.randrange(6)))
        updates: list[tuple[Row, int]] = [
            (
                tuple(chance.choice(values(column.type)) for column in columns),
                chance.choice((1, -7)),
            )
            for _ in range(chance.randrange(1, 5))
        ]
        change = SubscribedChange(chance.randrange(2**53), updates)
        text = ChangeText(columns, progress=True)
        assert text.updates(change) == one_by_one(columns, change, progress=True)


@pytest.mark.parametrize("width", [0, 1, 3])
def test_a_progress_row(width: int) -> None:
    columns = (Column("a", TEXT),) * width
    text = ChangeText(columns, progress=True)
    assert text.progress(12) == one_by_one(columns, SubscribedChange(12, ()), progress=True)


@pytest.mark.parametrize("length", [2000, 2047, 2048, 5000])
def test_long_rows(length: int) -> None:
    columns = (Column("a", TEXT),)
    change = SubscribedChange(5, [(("x" * length,), 1), (("y",), 1)])
    text = ChangeText(columns, progress=False)
    assert text.updates(change) == one_by_one(columns, change, progress=False)


def test_many_columns() -> None:
    columns = (Column("a", TEXT),) * 5000
    change = SubscribedChange(5, [(("x",) * 5000, 1)])
    text = ChangeText(columns, progress=True)
    assert text.updates(change) == one_by_one(columns, change, progress=True)
