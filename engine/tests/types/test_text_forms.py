"""Texts as Materialize and PostgreSQL print them, where a round trip alone would not tell."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from decimal import Decimal

import pytest

from engine import types
from engine.types import Interval, Jsonb, SqlType

FORMS = [
    (types.BOOL, True, "t"),
    (types.BOOL, False, "f"),
    (types.FLOAT8, 1e300, "1e+300"),
    (types.FLOAT8, 1e-7, "1e-7"),
    (types.FLOAT8, 1e16, "1e+16"),
    (types.FLOAT8, 0.000001, "1e-6"),
    (types.FLOAT4, 1e13, "1e+13"),
    (types.FLOAT4, 0.0000015, "0.0000015"),
    (types.FLOAT4, 1.5e-7, "1.5e-7"),
    (types.FLOAT8, 1.5, "1.5"),
    (types.FLOAT8, 0.0, "0"),
    (types.FLOAT8, 0.1, "0.1"),
    (types.FLOAT4, 0.0, "0"),
    (types.FLOAT8, 100.0, "100"),
    (types.FLOAT8, 123456789012345.0, "123456789012345"),
    (types.FLOAT8, 1e15, "1000000000000000"),
    (types.FLOAT8, 1.2345e16, "1.2345e+16"),
    (types.FLOAT8, 0.0001, "0.0001"),
    (types.FLOAT8, 0.00001, "0.00001"),
    (types.FLOAT8, 0.1 + 0.2, "0.30000000000000004"),
    (types.FLOAT8, 5e-324, "5e-324"),
    (types.FLOAT8, 1.7976931348623157e308, "1.7976931348623157e+308"),
    (types.FLOAT8, math.inf, "Infinity"),
    (types.FLOAT8, -math.inf, "-Infinity"),
    (types.FLOAT8, math.nan, "NaN"),
    (types.FLOAT4, 0.10000000149011612, "0.1"),
    (types.FLOAT4, 1e10, "10000000000"),
    (types.FLOAT4, 123456.0, "123456"),
    (types.FLOAT4, 3.4028234663852886e38, "3.4028235e+38"),
    (types.NUMERIC, Decimal("0.00"), "0"),
    (types.NUMERIC, Decimal("1.50"), "1.5"),
    (types.NUMERIC, Decimal("1E+3"), "1000"),
    (types.NUMERIC, Decimal("-0"), "0"),
    (types.NUMERIC, Decimal("123456789012345678901.5"), "123456789012345678901.5"),
    (types.NUMERIC, Decimal("1E-39"), "0." + "0" * 38 + "1"),
    (types.DATE, date(20, 1, 2), "0020-01-02"),
    (types.TIME, time(1, 2, 3), "01:02:03"),
    (types.TIME, time(1, 2, 3, 450_000), "01:02:03.45"),
    (types.TIMESTAMP, datetime(2020, 1, 2, 3, 4, 5), "2020-01-02 03:04:05"),
    (types.TIMESTAMP, datetime(2020, 1, 2, 3, 4, 5, 678_901), "2020-01-02 03:04:05.678901"),
    (types.TIMESTAMPTZ, datetime(2020, 1, 2, 1, 4, 5), "2020-01-02 01:04:05+00"),
    (types.TIMESTAMPTZ, datetime(2020, 1, 2, 1, 4, 5, 500_000), "2020-01-02 01:04:05.5+00"),
    (types.INTERVAL, Interval(0, 1, 7_384_500_000), "1 day 02:03:04.5"),
    (types.INTERVAL, Interval(-1), "-1 months"),
    (types.INTERVAL, Interval(1), "1 month"),
    (types.INTERVAL, Interval(14, 2), "1 year 2 months 2 days"),
    (types.INTERVAL, Interval(-14, 2), "-1 years -2 months +2 days"),
    (types.INTERVAL, Interval(0, -1, 3_600_000_000), "-1 days +01:00:00"),
    (types.INTERVAL, Interval(), "00:00:00"),
    (types.INTERVAL, Interval(0, 0, -1), "-00:00:00.000001"),
    (types.INTERVAL, Interval(0, 0, 360_000_000_000), "100:00:00"),
    (types.JSONB, Jsonb.parse('{"b" : 1.50, "a": [null, "x"]}'), '{"a":[null,"x"],"b":1.5}'),
    (types.JSONB, Jsonb.parse('{"bb":1,"a":2,"é":3,"Z":4}'), '{"Z":4,"a":2,"bb":1,"é":3}'),
    (types.JSONB, Jsonb.parse('"\\u0022\\u005c\\n\\u0001/\\u007f"'), '"\\"\\\\\\n\\u0001/\x7f"'),
    (types.JSONB, Jsonb.parse("1e-7"), "0.0000001"),
    (types.JSONB, Jsonb.parse("1.0E+2"), "100"),
    (types.BYTEA, b"\x00\xff", "\\x00ff"),
    (
        types.array_of(types.TEXT),
        ("a", "", "b c", None, "NULL", 'q"\\'),
        '{a,"","b c",NULL,"NULL","q\\"\\\\"}',
    ),
    (types.array_of(types.BOOL), (True, None), "{t,NULL}"),
    (types.array_of(types.INT4), (), "{}"),
]


@pytest.mark.parametrize(("type_", "value", "text"), FORMS, ids=lambda part: repr(part)[:40])
def test_text_form(type_: SqlType, value: object, text: str) -> None:
    assert type_.to_text(value) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 year 2 mons", Interval(14)),
        ("1y 2mon 3d 4h 5m 6s 7ms 8us", Interval(14, 3, 14_706_007_008)),
        ("1 week", Interval(0, 7)),
        ("1.5 months", Interval(1, 15)),
        ("0.5 years", Interval(6)),
        ("2:03", Interval(0, 0, 7_380_000_000)),
        ("-2:03:04.5", Interval(0, 0, -7_384_500_000)),
        ("1 day -2:03", Interval(0, 1, -7_380_000_000)),
        ("@ 1 day 2 hours ago", Interval(0, -1, -7_200_000_000)),
        ("-1-2", Interval(-14)),
        ("PT1.5S", Interval(0, 0, 1_500_000)),
        ("P1W", Interval(0, 7)),
        ("5", Interval(0, 0, 5_000_000)),
    ],
)
def test_intervals_are_read_in_all_their_spellings(text: str, expected: Interval) -> None:
    assert types.INTERVAL.from_text(text) == expected


def test_numerics_keep_39_digits() -> None:
    digits = "123456789012345678901234567890123456789"
    assert types.NUMERIC.to_text(types.NUMERIC.from_text(digits)) == digits
    rounded = types.NUMERIC.from_text(f"0.{digits}4")
    assert types.NUMERIC.to_text(rounded) == f"0.{digits}"
    rounded = types.NUMERIC.from_text("1." + "1" * 38 + "6")
    assert types.NUMERIC.to_text(rounded) == "1." + "1" * 37 + "2"
