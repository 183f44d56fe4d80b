"""Binary and text forms against psycopg's adapters, which speak to real PostgreSQL servers."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import Format
from psycopg.types.json import Jsonb as PsycopgJsonb
from psycopg.types.numeric import Float4, Float8, Int2, Int4, Int8, Oid

from engine import types
from engine.tests.types.values import VALUES
from engine.types import Jsonb, SqlType
from engine.types.jsonb import canonical

settings = hypothesis_settings(max_examples=60, deadline=None)

WRAPPERS: dict[SqlType, Any] = {
    types.INT2: Int2,
    types.INT4: Int4,
    types.INT8: Int8,
    types.OID: Oid,
    types.FLOAT4: Float4,
    types.FLOAT8: Float8,
    types.TIMESTAMPTZ: lambda value: value.replace(tzinfo=UTC),
}
LOADED = [
    *(types.TEXT, types.BOOL, types.INT2, types.INT4, types.INT8, types.OID, types.FLOAT4),
    *(types.FLOAT8, types.NUMERIC, types.DATE, types.TIME, types.TIMESTAMP, types.BYTEA),
    types.TIMESTAMPTZ,
    types.array_of(types.TEXT),
    types.array_of(types.INT4),
]
DUMPED = [type_ for type_ in LOADED if not isinstance(type_, types.Array)]


def expected(type_: SqlType, value: Any) -> Any:
    return value.replace(tzinfo=UTC) if type_ is types.TIMESTAMPTZ else value


def same(left: Any, right: Any) -> bool:
    if isinstance(left, tuple | list):
        return list(left) == list(right)
    if isinstance(left, float):
        left, right = left + 0.0, right + 0.0  # our -0 is equal to itself alone
    return left == right or (left != left and right != right)


@pytest.mark.parametrize("type_", LOADED, ids=lambda type_: type_.name)
@pytest.mark.parametrize("form", [Format.TEXT, Format.BINARY])
def test_psycopg_reads_what_we_write(type_: SqlType, form: Format) -> None:
    loader = Transformer().get_loader(type_.oid, form)

    @settings
    @given(VALUES[type_])
    def check(value: Any) -> None:
        binary = form is Format.BINARY
        data = type_.to_binary(value) if binary else type_.to_text(value).encode()
        if type_ is types.TIMESTAMPTZ and not 2 < value.year < 9998:
            return  # psycopg goes through the local zone, which may leave Python's calendar
        loaded = loader.load(data)
        if type_ is types.FLOAT4:
            loaded = types.FLOAT4.narrow(loaded)
        assert same(loaded, expected(type_, value))

    check()


@pytest.mark.parametrize("type_", DUMPED, ids=lambda type_: type_.name)
@pytest.mark.parametrize("form", [PyFormat.TEXT, PyFormat.BINARY])
def test_we_read_what_psycopg_writes(type_: SqlType, form: PyFormat) -> None:
    wrap = WRAPPERS.get(type_, lambda value: value)

    @settings
    @given(VALUES[type_])
    def check(value: Any) -> None:
        if type_ is types.TEXT and "\0" in value:
            return  # psycopg refuses it
        if type_ is types.BYTEA and form is PyFormat.TEXT:
            return  # psycopg escapes it once more, for a literal
        wrapped = wrap(value)
        data = bytes(Transformer().get_dumper(wrapped, form).dump(wrapped) or b"")
        read = (
            type_.from_binary(data) if form is PyFormat.BINARY else type_.from_text(data.decode())
        )
        assert same(read, value)
        if form is PyFormat.BINARY and type_ is not types.NUMERIC:
            # psycopg keeps a numeric's trailing zeros, which we do not have.
            assert type_.to_binary(value) == data

    check()


def test_intervals_that_psycopg_can_hold() -> None:
    value = timedelta(days=-3, seconds=7, microseconds=5)
    data = bytes(Transformer().get_dumper(value, PyFormat.BINARY).dump(value) or b"")
    interval = types.INTERVAL.from_binary(data)
    assert (interval.days, interval.microseconds) == (-3, 7_000_005)
    loader = Transformer().get_loader(types.INTERVAL.oid, Format.BINARY)
    assert loader.load(types.INTERVAL.to_binary(interval)) == value


def test_jsonb() -> None:
    document = {"b": [1, None, "x"], "a": {"é": True}}
    wrapped = PsycopgJsonb(document)
    data = bytes(Transformer().get_dumper(wrapped, PyFormat.BINARY).dump(wrapped) or b"")
    assert types.JSONB.from_binary(data) == Jsonb(document)
    loader = Transformer().get_loader(types.JSONB.oid, Format.BINARY)
    assert loader.load(types.JSONB.to_binary(Jsonb(document))) == document
    assert canonical(document) == '{"a":{"é":true},"b":[1,null,"x"]}'


@pytest.mark.parametrize(
    ("text", "data"),
    [
        # As PostgreSQL's numeric_send gives them.
        ("0", "0000000000000000"),
        ("1", "00010000000000000001"),
        ("-1.5", "0002000040000001000113 88".replace(" ", "")),
        ("10000", "00010001000000000001"),
        ("0.0001", "0001ffff000000040001"),
        ("12345.678", "0003000100000003000109291a7c"),
        ("NaN", "00000000c0000000"),
    ],
)
def test_numeric_binary_form(text: str, data: str) -> None:
    value = types.NUMERIC.from_text(text)
    assert types.NUMERIC.to_binary(value).hex() == data
    assert same(types.NUMERIC.from_binary(bytes.fromhex(data)), value)
