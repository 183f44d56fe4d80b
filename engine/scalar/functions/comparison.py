"""The comparison operators of every type, and NOT.

Values of one type compare as Python compares them, with three exceptions: floats and numerics,
whose NaN equals itself and is larger than all else, and jsonb and arrays, which are compared by
keys.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.scalar.registry import define
from engine.types import (
    BOOL,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NUMERIC,
    OID,
    SCALARS,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    SqlType,
    array_of,
)

_PYTHON = {"=": "==", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

_type: SqlType
for _type in (TEXT, BOOL, INT2, INT4, INT8, OID, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, BYTEA, UUID):
    for _symbol, _python in _PYTHON.items():
        define(_symbol, (_type, _type), BOOL, template=f"{{0}} {_python} {{1}}")

# Equality of these is Python's, if NaN is looked at by identity; order goes by keys.
for _type in (FLOAT4, FLOAT8, NUMERIC):
    # -0 is an object that is equal to itself alone; with 0 added it is a plain zero.
    _left, _right = ("{0}", "{1}") if _type is NUMERIC else ("{0} + 0.0", "{1} + 0.0")
    define("=", (_type, _type), BOOL, template=f"{_left} == {_right} or {{0}} is {{1}}")
    define("<>", (_type, _type), BOOL, template=f"{_left} != {_right} and {{0}} is not {{1}}")


def by_key(type_: SqlType, symbol: str) -> Callable[[Any, Any], bool]:
    """The comparison of two values of the type by their sort keys."""
    key = type_.sort_key
    match symbol:
        case "=":
            return lambda a, b: bool(key(a) == key(b))
        case "<>":
            return lambda a, b: bool(key(a) != key(b))
        case "<":
            return lambda a, b: bool(key(a) < key(b))
        case "<=":
            return lambda a, b: bool(key(a) <= key(b))
        case ">":
            return lambda a, b: bool(key(a) > key(b))
    return lambda a, b: bool(key(a) >= key(b))


# A float that is not equal to itself is NaN, which is beyond all others.
_FLOAT_ORDER = {
    "<": "{0} < {1} or {1} != {1} and {0} == {0}",
    "<=": "{0} <= {1} or {1} != {1}",
    ">": "{0} > {1} or {0} != {0} and {1} == {1}",
    ">=": "{0} >= {1} or {0} != {0}",
}
for _symbol, _template in _FLOAT_ORDER.items():
    for _type in (FLOAT4, FLOAT8):
        define(_symbol, (_type, _type), BOOL, template=_template)


def _numeric_order(symbol: str) -> Callable[[Decimal, Decimal], bool]:
    compare: Callable[[Decimal, Decimal], bool] = getattr(operator, _METHODS[symbol])
    slowly = by_key(NUMERIC, symbol)

    def run(a: Decimal, b: Decimal) -> bool:
        try:
            return compare(a, b)
        except InvalidOperation:  # one is NaN
            return slowly(a, b)

    return run


_METHODS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
for _symbol in _METHODS:
    define(_symbol, (NUMERIC, NUMERIC), BOOL, _numeric_order(_symbol))
    define(_symbol, (JSONB, JSONB), BOOL, by_key(JSONB, _symbol))
for _symbol, _python in _PYTHON.items():
    define(_symbol, (INTERVAL, INTERVAL), BOOL, template=f"{{0}} {_python} {{1}}")
    for _element in SCALARS:
        _array = array_of(_element)
        define(_symbol, (_array, _array), BOOL, by_key(_array, _symbol))
define("=", (JSONB, JSONB), BOOL, template="{0} == {1}")
define("<>", (JSONB, JSONB), BOOL, template="{0} != {1}")
define("not", (BOOL,), BOOL, template="not {0}")
