"""All types by name and by oid."""

from __future__ import annotations

import re
from typing import Any

from engine.errors import SqlError, not_supported
from engine.types.arrays import Array, Vector
from engine.types.base import SqlType
from engine.types.interval_type import INTERVAL
from engine.types.jsonb import JSONB
from engine.types.numbers import BOOL, FLOAT4, FLOAT8, INT2, INT4, INT8, OID, Integer
from engine.types.numeric import NUMERIC
from engine.types.strings import BPCHAR, BYTEA, NAME, TEXT, UNKNOWN, VARCHAR
from engine.types.temporal import DATE, TIME, TIMESTAMP, TIMESTAMPTZ
from engine.types.uuid import UUID


class RegType(Integer):
    """A type as a value: its oid, which prints as the type's name. Drivers ask for types by it."""

    def to_text(self, value: Any) -> str:
        found = _BY_OID.get(value)
        return str(value) if found is None else found.sql_name

    def from_text(self, text: str) -> int:
        return int(text) if text.isdecimal() else by_name(text).oid


REGTYPE = RegType("regtype", "regtype", 2206, 2211, 4, signed=False)

SCALARS: tuple[SqlType, ...] = (
    TEXT,
    VARCHAR,
    BPCHAR,
    NAME,
    BOOL,
    INT2,
    INT4,
    INT8,
    OID,
    REGTYPE,
    FLOAT4,
    FLOAT8,
    NUMERIC,
    DATE,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    INTERVAL,
    JSONB,
    BYTEA,
    UUID,
)
_ARRAYS = {element: Array(element) for element in SCALARS}
INT2VECTOR = Vector(INT2, "int2vector", 22, 1006)
_ALL: tuple[SqlType, ...] = (*SCALARS, *_ARRAYS.values(), INT2VECTOR, UNKNOWN)
_BY_OID = {type_.oid: type_ for type_ in _ALL}
_BY_NAME = {name: type_ for type_ in _ALL for name in (type_.sql_name, type_.name)}
_BY_NAME |= {
    "int": INT4,
    "float": FLOAT8,
    "decimal": NUMERIC,
    "dec": NUMERIC,
    "string": TEXT,
    "char": BPCHAR,
    "json": JSONB,
    "bytes": BYTEA,
    "timestamp without time zone": TIMESTAMP,
    "time without time zone": TIME,
}


def by_name(name: str) -> SqlType:
    """The type of that name (`int8`, `bigint`, `text[]`, any case); raises SqlError 42704."""
    found = _BY_NAME.get(" ".join(name.lower().split()))
    if found is None:
        if elsewhere := _ELSEWHERE.match(name):
            raise not_supported(f"the type {elsewhere[0].lower()}")
        raise SqlError(f'type "{name}" does not exist', "42704")
    return found


_ELSEWHERE = re.compile(
    r"(?:(?:small|big)?serial[248]?|money|inet|cidr|macaddr8?|xml|bit|varbit|point|line|lseg|box"
    r"|path|polygon|circle|tsvector|tsquery|time(?: with time zone|tz)|mz_timestamp|uint[248]"
    r"|list|map|record|(?:int[48]|num|date|ts|tstz)range|hstore)\b",
    re.IGNORECASE,
)
"""Types of PostgreSQL and Materialize that the engine does not have."""


def by_oid(oid: int) -> SqlType:
    """The type with that oid; raises SqlError 42704."""
    found = _BY_OID.get(oid)
    if found is None:
        raise SqlError(f"type with oid {oid} does not exist", "42704")
    return found


def array_of(element: SqlType) -> Array:
    """The type of arrays of `element`; raises SqlError for what has none."""
    found = _ARRAYS.get(element)
    if found is None and isinstance(element, Array):
        raise not_supported("an array of more than one dimension")
    if found is None:
        raise SqlError(f"could not find array type for data type {element.sql_name}", "42704")
    return found


def sort_key(type_: SqlType, value: Any) -> tuple[int, Any]:
    """A key that sorts values of the type, NULL among them, ascending with NULLs last."""
    return (1, None) if value is None else (0, type_.sort_key(value))
