"""The names of PostgreSQL's types by their OIDs: what `columns` of a base says."""

from __future__ import annotations

_NAMES = {
    16: "bool",
    17: "bytea",
    18: "char",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "text",
    26: "oid",
    114: "json",
    700: "float4",
    701: "float8",
    1042: "bpchar",
    1043: "varchar",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamptz",
    1186: "interval",
    1700: "numeric",
    2950: "uuid",
    3802: "jsonb",
    # Arrays
    199: "json[]",
    1000: "bool[]",
    1001: "bytea[]",
    1005: "int2[]",
    1007: "int4[]",
    1009: "text[]",
    1014: "bpchar[]",
    1015: "varchar[]",
    1016: "int8[]",
    1021: "float4[]",
    1022: "float8[]",
    1028: "oid[]",
    1115: "timestamp[]",
    1182: "date[]",
    1183: "time[]",
    1185: "timestamptz[]",
    1187: "interval[]",
    1231: "numeric[]",
    2951: "uuid[]",
    3807: "jsonb[]",
}


def type_name(oid: int) -> str:
    """The name of the type; one that PostgreSQL does not have is called `unknown`."""
    return _NAMES.get(oid, "unknown")
