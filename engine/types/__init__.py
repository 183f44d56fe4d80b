"""SQL's types: which Python objects their values are, and their text and binary forms.

| type | value |
|---|---|
| text, varchar, char, name | str |
| bool | bool |
| int2, int4, int8, oid | int |
| float4, float8 | float, with one NaN object and no negative zero |
| numeric | Decimal, at most 39 digits, with one NaN object |
| date, time | date, time |
| timestamp, timestamptz | datetime without a time zone; the latter in UTC |
| interval | Interval |
| jsonb | Jsonb |
| bytea | bytes |
| uuid | uuid.UUID |
| arrays | tuple |

Values of one type are equal, and hash equal, exactly when they print the same text, so rows can
be the keys of Z-sets.
"""

from engine.types.arrays import Array
from engine.types.base import SqlType
from engine.types.interval import Interval
from engine.types.interval_type import INTERVAL
from engine.types.jsonb import JSONB, Jsonb
from engine.types.numbers import BOOL, FLOAT4, FLOAT8, INT2, INT4, INT8, OID
from engine.types.numeric import NUMERIC
from engine.types.registry import REGTYPE, SCALARS, array_of, by_name, by_oid, sort_key
from engine.types.strings import BPCHAR, BYTEA, NAME, TEXT, UNKNOWN, VARCHAR
from engine.types.temporal import DATE, TIME, TIMESTAMP, TIMESTAMPTZ
from engine.types.uuid import UUID

__all__ = [
    "BOOL",
    "BPCHAR",
    "BYTEA",
    "DATE",
    "FLOAT4",
    "FLOAT8",
    "INT2",
    "INT4",
    "INT8",
    "INTERVAL",
    "JSONB",
    "NAME",
    "NUMERIC",
    "OID",
    "REGTYPE",
    "SCALARS",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "UNKNOWN",
    "UUID",
    "VARCHAR",
    "Array",
    "Interval",
    "Jsonb",
    "SqlType",
    "array_of",
    "by_name",
    "by_oid",
    "sort_key",
]
