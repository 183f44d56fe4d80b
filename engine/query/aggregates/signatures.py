"""Types of aggregate functions: converts arguments, and finds the type of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import SqlError
from engine.scalar import Scalar, coerce
from engine.scalar.calls import call_function
from engine.types import (
    BOOL,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    TEXT,
    SqlType,
    array_of,
)

_INTEGERS = (INT2, INT4, INT8)
_SUMS: dict[SqlType, SqlType] = {
    INT2: INT8,
    INT4: INT8,
    INT8: NUMERIC,
    FLOAT4: FLOAT4,
    FLOAT8: FLOAT8,
    NUMERIC: NUMERIC,
    INTERVAL: INTERVAL,
}
_AVERAGES: dict[SqlType, SqlType] = {
    **dict.fromkeys((*_INTEGERS, NUMERIC), FLOAT8),
    FLOAT4: FLOAT4,
    FLOAT8: FLOAT8,
    INTERVAL: INTERVAL,
}
_SPREADS = {type_: result for type_, result in _AVERAGES.items() if type_ is not INTERVAL}
_BY_ARGUMENT: dict[str, dict[SqlType, SqlType]] = {
    "sum": _SUMS,
    "avg": _AVERAGES,
    **dict.fromkeys(
        ("stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop"), _SPREADS
    ),
}

ORDERED = {"string_agg", "array_agg", "jsonb_agg", "jsonb_object_agg"}
"""The aggregates whose result depends on the order of the rows."""


@dataclass(frozen=True)
class Signature:
    """The converted arguments of an aggregate function, and the type of its result."""

    arguments: tuple[Scalar, ...]
    type: SqlType


def find_aggregate(name: str, arguments: Sequence[Scalar]) -> Signature:
    """Find the signature of an aggregate for these arguments; raises SqlError (42883)."""
    types = [argument.type for argument in arguments]
    if name == "count" and len(types) <= 1:
        return Signature(tuple(arguments), INT8)
    if name == "string_agg" and len(types) == 2:
        converted = tuple(coerce(argument, TEXT, name) for argument in arguments)
        return Signature(converted, TEXT)
    if name == "jsonb_agg" and len(types) == 1:
        return Signature((_jsonb(arguments[0]),), JSONB)
    if name == "jsonb_object_agg" and len(types) == 2:
        key = coerce(arguments[0], TEXT, f"the key of {name}")
        return Signature((key, _jsonb(arguments[1])), JSONB)
    if len(types) == 1:
        result = _of_one(name, types[0])
        if result is not None:
            return Signature(tuple(arguments), result)
    shown = ", ".join(type_.sql_name for type_ in types)
    raise SqlError(
        f"function {name}({shown}) does not exist",
        "42883",
        hint="no aggregate function of that name takes these types; a cast may help",
    )


def _jsonb(argument: Scalar) -> Scalar:
    if argument.type is JSONB:
        return argument
    return Scalar(call_function("to_jsonb", [argument.node]))


def _of_one(name: str, type_: SqlType) -> SqlType | None:
    if name in ("min", "max"):
        return None if type_ is JSONB else type_
    if name == "array_agg":
        return array_of(type_)
    if name in ("bool_and", "bool_or", "every"):
        return BOOL if type_ is BOOL else None
    return _BY_ARGUMENT.get(name, {}).get(type_)
