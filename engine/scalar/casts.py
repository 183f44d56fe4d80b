"""Casts: which type converts to which, by what function, and when without being asked.

A cast is implicit (anywhere), by assignment (INSERT into a column), or explicit only (`::`, CAST).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, Overflow
from enum import IntEnum
from typing import Any

from engine.errors import SqlError
from engine.scalar.nodes import Call, Constant, Node, Parameter
from engine.scalar.registry import Function
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
    OID,
    REGTYPE,
    SCALARS,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    VARCHAR,
    Array,
    Interval,
    Jsonb,
    SqlType,
)
from engine.types import numeric as numerics
from engine.types.interval import DAY
from engine.types.jsonb import Number, number_value
from engine.types.numbers import NAN


class Context(IntEnum):
    """When a cast may happen; each allows what the ones before it allow."""

    IMPLICIT = 0
    ASSIGNMENT = 1
    EXPLICIT = 2


@dataclass(frozen=True)
class Cast:
    function: Function
    context: Context


CASTS: dict[tuple[SqlType, SqlType], Cast] = {}
STRINGS = (TEXT, VARCHAR, BPCHAR, NAME)


def _add(
    source: SqlType,
    target: SqlType,
    context: Context,
    call: Callable[..., Any] | None = None,
    **options: Any,
) -> None:
    name = f"{source.name}_to_{target.name}"
    function = Function(name, (source,), target, call, **options)
    CASTS[source, target] = Cast(function, context)


def _same(source: SqlType, target: SqlType, context: Context) -> None:
    """A cast between types whose values are the same Python objects."""
    _add(source, target, context, template="{0}")


def find_cast(source: SqlType, target: SqlType, context: Context) -> Function | None:
    """The function that converts, None if there is none in that context."""
    cast = CASTS.get((source, target))
    if cast is not None and cast.context <= context:
        return cast.function
    if isinstance(source, Array) or isinstance(target, Array):
        return _array_cast(source, target, context)
    return None


def _array_cast(source: SqlType, target: SqlType, context: Context) -> Function | None:
    if isinstance(source, Array) and isinstance(target, Array):
        element = find_cast(source.element, target.element, context)
        if element is None:
            return None
        convert = element.python

        def convert_all(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(None if value is None else convert(value) for value in values)

        options: dict[str, Any] = {"can_fail": element.can_fail}
        return Function("array_cast", (source,), target, convert_all, **options)
    if context is Context.EXPLICIT and source in STRINGS:
        return Function("text_to_array", (source,), target, target.from_text, can_fail=True)
    if context >= Context.ASSIGNMENT and target in STRINGS:
        return Function("array_to_text", (source,), target, source.to_text)
    return None


def can_cast(source: SqlType, target: SqlType, context: Context) -> bool:
    """Whether a value of `source` may become one of `target`; quoted literals may always."""
    return source is target or source is UNKNOWN or find_cast(source, target, context) is not None


def cast(node: Node, target: SqlType, context: Context = Context.EXPLICIT) -> Node:
    """`node` converted; the literal's own text is read if its type is unknown yet.

    Raises SqlError 42846 where there is no such cast, and the error of a literal that does not fit.
    """
    if node.type is target:
        return node
    if isinstance(node, Constant) and node.value is None:
        return Constant(target, None)
    if node.type is UNKNOWN:
        if isinstance(node, Parameter):
            return replace(node, type=target)
        if isinstance(node, Constant):
            return Constant(target, target.from_text(node.value))
        node = replace(node, type=TEXT)
        return cast(node, target, Context.EXPLICIT)
    function = find_cast(node.type, target, context)
    if function is None:
        raise SqlError(
            f"cannot cast type {node.type.sql_name} to {target.sql_name}",
            "42846",
            hint=_hint(node.type, target) if context is not Context.EXPLICIT else None,
        )
    return Call(target, function, (node,))


def _hint(source: SqlType, target: SqlType) -> str | None:
    if find_cast(source, target, Context.EXPLICIT) is None:
        return None
    return f"write an explicit cast: (..)::{target.sql_name}"


def _out_of_range(type_: SqlType, value: object = None) -> SqlError:
    shown = "" if value is None else f": {value}"
    return SqlError(f"{type_.sql_name} out of range{shown}", "22003")


# Strings

_source: SqlType
_target: SqlType
for _source in STRINGS:
    for _target in STRINGS:
        if _source is not _target:
            _same(_source, _target, Context.IMPLICIT)
_PRINTED = {BOOL: "'true' if {0} else 'false'", INT2: "str({0})", INT4: "str({0})"}
_PRINTED |= {INT8: "str({0})", OID: "str({0})", JSONB: "{0}.text"}
for _type in SCALARS:
    if _type in STRINGS:
        continue
    for _string in STRINGS:
        if _type in _PRINTED:
            _add(_type, _string, Context.ASSIGNMENT, template=_PRINTED[_type])
        else:
            _add(_type, _string, Context.ASSIGNMENT, _type.to_text)
        _call = Jsonb.parse if _type is JSONB else _type.from_text
        _add(_string, _type, Context.EXPLICIT, _call, can_fail=True)
        # All strings' casts carry one name: what reads JSON fields knows them by it.
        CASTS[_string, _type] = Cast(
            replace(CASTS[_string, _type].function, name=f"text_to_{_type.name}"), Context.EXPLICIT
        )

# Integers

INTEGERS = (INT2, INT4, INT8)
for _i, _small in enumerate(INTEGERS):
    for _large in INTEGERS[_i + 1 :]:
        _same(_small, _large, Context.IMPLICIT)


def _narrow(source: SqlType, target: Any, context: Context) -> None:
    def overflow(value: int) -> int:
        raise _out_of_range(target, value)

    template = (
        f"{{0}} if {target.least} <= {{0}} <= {target.most} else overflow_{target.name}({{0}})"
    )
    names = {f"overflow_{target.name}": overflow}
    _add(source, target, context, template=template, names=names, can_fail=True)


_narrow(INT4, INT2, Context.ASSIGNMENT)
_narrow(INT8, INT2, Context.ASSIGNMENT)
_narrow(INT8, INT4, Context.ASSIGNMENT)
_narrow(INT4, OID, Context.IMPLICIT)
_narrow(INT8, OID, Context.IMPLICIT)
_narrow(OID, INT4, Context.ASSIGNMENT)
_same(OID, INT8, Context.ASSIGNMENT)
_same(OID, REGTYPE, Context.IMPLICIT)
_same(REGTYPE, OID, Context.IMPLICIT)
for _type in INTEGERS:
    _add(_type, BOOL, Context.EXPLICIT, template="{0} != 0")
    _add(BOOL, _type, Context.EXPLICIT, template="int({0})")

# Floats and numeric

FLOATS = (FLOAT4, FLOAT8)


def round_to_integer(value: float | Decimal, type_: Any) -> int:
    """The nearest integer (a float's half goes to the even one, a numeric's away from zero)."""
    try:
        if isinstance(value, float):
            whole = round(value)
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
    try:
        return numerics.normalise(Decimal(repr(value)))
    except Overflow:
        raise _out_of_range(NUMERIC, value) from None


def _rounder(target: SqlType) -> Callable[[Any], int]:
    return lambda value: round_to_integer(value, target)


def numerics_float(value: Decimal) -> float:
    """The float next to a numeric."""
    return NAN if value.is_nan() else float(value)


for _integer in INTEGERS:
    _add(_integer, NUMERIC, Context.IMPLICIT, template="Decimal({0})", names={"Decimal": Decimal})
    _add(_integer, FLOAT8, Context.IMPLICIT, template="float({0})")
    _add(_integer, FLOAT4, Context.IMPLICIT, to_float4)
    for _source in (*FLOATS, NUMERIC):
        _add(_source, _integer, Context.ASSIGNMENT, _rounder(_integer), can_fail=True)
_add(NUMERIC, FLOAT8, Context.IMPLICIT, numerics_float)
_add(NUMERIC, FLOAT4, Context.IMPLICIT, to_float4, can_fail=True)
_same(FLOAT4, FLOAT8, Context.IMPLICIT)
_add(FLOAT8, FLOAT4, Context.ASSIGNMENT, to_float4, can_fail=True)
for _source in FLOATS:
    _add(_source, NUMERIC, Context.ASSIGNMENT, float_to_numeric, can_fail=True)

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
    _add(DATE, _target, Context.IMPLICIT, at_midnight)
    _add(_target, DATE, Context.ASSIGNMENT, template="{0}.date()")
    _add(_target, TIME, Context.ASSIGNMENT, template="{0}.time()")
_same(TIMESTAMP, TIMESTAMPTZ, Context.IMPLICIT)
_same(TIMESTAMPTZ, TIMESTAMP, Context.ASSIGNMENT)
_add(TIME, INTERVAL, Context.IMPLICIT, time_to_interval)
_add(INTERVAL, TIME, Context.ASSIGNMENT, interval_to_time)

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
    """What `jsonb_typeof` calls a decoded value."""
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
    _add(JSONB, _target, Context.EXPLICIT, _jsonb_caster(_target), can_fail=True)

_add(BYTEA, TEXT, Context.ASSIGNMENT, BYTEA.to_text)
