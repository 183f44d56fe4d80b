"""The casts between types, in families: strings, integers, floats and numeric, dates, JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, Overflow
from typing import Any

from engine.errors import SqlError
from engine.scalar.casts import STRINGS, Context, add_cast, same_values
from engine.types import (
    BOOL,
    BPCHAR,
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
    REGTYPE,
    SCALARS,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Interval,
    Jsonb,
    SqlType,
)
from engine.types import numeric as numerics
from engine.types.interval import DAY
from engine.types.jsonb import Number, number_value
from engine.types.numbers import NAN


def _out_of_range(type_: SqlType, value: object = None) -> SqlError:
    shown = "" if value is None else f": {value}"
    return SqlError(f"{type_.sql_name} out of range{shown}", "22003")


# Strings

_source: SqlType
_target: SqlType
for _source in STRINGS:
    for _target in STRINGS:
        if _source is not _target:
            if _source is BPCHAR:
                add_cast(_source, _target, Context.IMPLICIT, template="{0}.rstrip(' ')")
            else:
                same_values(_source, _target, Context.IMPLICIT)
_PRINTED = {BOOL: "'true' if {0} else 'false'", INT2: "str({0})", INT4: "str({0})"}
_PRINTED |= {INT8: "str({0})", OID: "str({0})", JSONB: "{0}.text"}
for _type in SCALARS:
    if _type in STRINGS:
        continue
    for _string in STRINGS:
        if _type in _PRINTED:
            add_cast(_type, _string, Context.ASSIGNMENT, template=_PRINTED[_type])
        else:
            add_cast(_type, _string, Context.ASSIGNMENT, _type.to_text)
        _call = Jsonb.parse if _type is JSONB else _type.from_text
        add_cast(_string, _type, Context.EXPLICIT, _call, can_fail=True)

# Integers

INTEGERS = (INT2, INT4, INT8)
for _i, _small in enumerate(INTEGERS):
    for _large in INTEGERS[_i + 1 :]:
        same_values(_small, _large, Context.IMPLICIT)


def _narrow(source: SqlType, target: Any, context: Context) -> None:
    def overflow(value: int) -> int:
        raise _out_of_range(target, value)

    template = f"{{0}} if {target.least} <= {{0}} <= {target.most} else {{overflow}}({{0}})"
    names = {"overflow": overflow}
    add_cast(source, target, context, template=template, names=names, can_fail=True)


_narrow(INT4, INT2, Context.ASSIGNMENT)
_narrow(INT8, INT2, Context.ASSIGNMENT)
_narrow(INT8, INT4, Context.ASSIGNMENT)
_narrow(INT2, OID, Context.IMPLICIT)
_narrow(INT4, OID, Context.IMPLICIT)
_narrow(INT8, OID, Context.IMPLICIT)
_narrow(OID, INT4, Context.ASSIGNMENT)
same_values(OID, INT8, Context.ASSIGNMENT)
same_values(OID, REGTYPE, Context.IMPLICIT)
same_values(REGTYPE, OID, Context.IMPLICIT)
for _type in INTEGERS:
    add_cast(_type, BOOL, Context.EXPLICIT, template="{0} != 0")
    add_cast(BOOL, _type, Context.EXPLICIT, template="int({0})")

# Floats and numeric

FLOATS = (FLOAT4, FLOAT8)


_MOST_DIGITS = 40


def round_to_integer(value: float | Decimal, type_: Any) -> int:
    """The nearest integer (a float's half goes to the even one, a numeric's away from zero)."""
    try:
        if isinstance(value, float):
            whole = round(value)
        elif value.is_finite() and value.adjusted() > _MOST_DIGITS:
            raise _out_of_range(type_)  # before all its digits are written out
        else:
            whole = int(value.to_integral_value(ROUND_HALF_UP))
    except (ValueError, OverflowError, InvalidOperation):
        raise _out_of_range(type_, value) from None
    if not type_.least <= whole <= type_.most:
        raise _out_of_range(type_, value)
    return whole


def to_float4(value: Any) -> float:
    try:
        return FLOAT4.narrow(float(value))
    except OverflowError:
        raise _out_of_range(FLOAT4, value) from None


def float_to_numeric(value: float) -> Decimal:
    """The shortest decimal that names the float."""
    return _finite_numeric(value, repr(value))


def float4_to_numeric(value: float) -> Decimal:
    """The shortest decimal that names the float among those of four bytes."""
    return _finite_numeric(value, FLOAT4.to_text(value))


def _finite_numeric(value: float, text: str) -> Decimal:
    if math.isinf(value):
        raise SqlError(
            "function casting double precision to numeric is only defined for finite arguments",
            "22003",
        )
    try:
        return numerics.normalise(Decimal(text))
    except Overflow:
        raise _out_of_range(NUMERIC, value) from None


def _rounder(target: SqlType) -> Callable[[Any], int]:
    return lambda value: round_to_integer(value, target)


def numerics_float(value: Decimal) -> float:
    """The float next to a numeric."""
    return NAN if value.is_nan() else float(value)


for _integer in INTEGERS:
    add_cast(
        _integer, NUMERIC, Context.IMPLICIT, template="{Decimal}({0})", names={"Decimal": Decimal}
    )
    add_cast(_integer, FLOAT8, Context.IMPLICIT, template="float({0})")
    add_cast(_integer, FLOAT4, Context.IMPLICIT, to_float4)
    for _source in (*FLOATS, NUMERIC):
        add_cast(_source, _integer, Context.ASSIGNMENT, _rounder(_integer), can_fail=True)
add_cast(NUMERIC, FLOAT8, Context.IMPLICIT, numerics_float)
add_cast(NUMERIC, FLOAT4, Context.IMPLICIT, to_float4, can_fail=True)
same_values(FLOAT4, FLOAT8, Context.IMPLICIT)
add_cast(FLOAT8, FLOAT4, Context.ASSIGNMENT, to_float4, can_fail=True)
add_cast(FLOAT8, NUMERIC, Context.ASSIGNMENT, float_to_numeric, can_fail=True)
add_cast(FLOAT4, NUMERIC, Context.ASSIGNMENT, float4_to_numeric, can_fail=True)

# Dates and times


def at_midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def time_to_interval(value: time) -> Interval:
    since = datetime.combine(date.min, value) - datetime.min
    return Interval(microseconds=since // timedelta(microseconds=1))


def interval_to_time(value: Interval) -> time:
    midnight = datetime.min
    return (midnight + timedelta(microseconds=value.microseconds % DAY)).time()


for _target in (TIMESTAMP, TIMESTAMPTZ):
    add_cast(DATE, _target, Context.IMPLICIT, at_midnight)
    add_cast(_target, DATE, Context.ASSIGNMENT, template="{0}.date()")
    add_cast(_target, TIME, Context.ASSIGNMENT, template="{0}.time()")
same_values(TIMESTAMP, TIMESTAMPTZ, Context.IMPLICIT)
same_values(TIMESTAMPTZ, TIMESTAMP, Context.ASSIGNMENT)
add_cast(TIME, INTERVAL, Context.IMPLICIT, time_to_interval)
add_cast(INTERVAL, TIME, Context.ASSIGNMENT, interval_to_time)

# JSON


def _jsonb_caster(target: SqlType) -> Callable[[Jsonb], Any]:
    """From a JSON number (or boolean) to a SQL one; other kinds do not convert."""

    def convert(document: Jsonb) -> Any:
        value = document.value
        is_number = isinstance(value, int | Decimal | Number) and not isinstance(value, bool)
        if target is BOOL and isinstance(value, bool):
            return value
        if target is BOOL or not is_number:
            raise SqlError(
                f"cannot cast jsonb {json_kind(value)} to type {target.sql_name}", "22023"
            )
        if target in INTEGERS:
            return round_to_integer(number_value(value), target)
        return target.from_text(document.text)

    return convert


def json_kind(value: Any) -> str:
    """Name the type of a decoded value as `jsonb_typeof` does."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "number"


for _target in (BOOL, *INTEGERS, *FLOATS, NUMERIC):
    add_cast(JSONB, _target, Context.EXPLICIT, _jsonb_caster(_target), can_fail=True)
