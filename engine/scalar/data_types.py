"""The types that a query names: `int`, `numeric(10,2)`, `timestamp with time zone`, `text[]`."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import SqlError
from engine.types import (
    BOOL,
    BPCHAR,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NAME,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    VARCHAR,
    SqlType,
    array_of,
    by_name,
)

_TYPES: dict[str, SqlType] = {
    "BIGINT": INT8,
    "BOOLEAN": BOOL,
    "BPCHAR": BPCHAR,
    "CHAR": BPCHAR,
    "DATE": DATE,
    "DECIMAL": NUMERIC,
    "DOUBLE": FLOAT8,
    "FLOAT": FLOAT4,
    "INT": INT4,
    "INTERVAL": INTERVAL,
    "JSON": JSONB,
    "JSONB": JSONB,
    "NAME": NAME,
    "SMALLINT": INT2,
    "TEXT": TEXT,
    "TIME": TIME,
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMPNTZ": TIMESTAMP,
    "TIMESTAMPTZ": TIMESTAMPTZ,
    "VARBINARY": BYTEA,
    "VARCHAR": VARCHAR,
}


def type_of(data_type: exp.Expr) -> SqlType:
    """The type that a type name in a query means; raises SqlError 42704 if there is none."""
    if isinstance(data_type, exp.DataType):
        kind = data_type.this
        if isinstance(kind, exp.Interval):
            return INTERVAL
        name = str(getattr(kind, "name", kind)).upper()
        if name == "ARRAY" and data_type.expressions:
            return array_of(type_of(data_type.expressions[0]))
        if name in _TYPES:
            return _TYPES[name]
        if name == "USERDEFINED" and data_type.args.get("kind") is not None:
            kind = data_type.args["kind"]
            last = kind.expression if isinstance(kind, exp.Dot) else kind
            return by_name(getattr(last, "name", None) or str(last))
    return by_name(data_type.sql("postgres"))


def modifiers(data_type: exp.Expr) -> tuple[int, ...]:
    """The numbers in brackets of a type name: (10, 2) of `numeric(10,2)`; raises SqlError 22023."""
    if not isinstance(data_type, exp.DataType) or data_type.args.get("nested"):
        return ()
    found: list[int] = []
    for parameter in data_type.expressions:
        text = parameter.name or parameter.sql("postgres")
        if not text.lstrip("-").isdigit():
            raise SqlError(f"expected a number as type modifier, found {text}", "22023")
        found.append(int(text))
    return tuple(found)
