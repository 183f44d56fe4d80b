"""Arithmetic on integers, floats and numerics.

Integers that overflow are errors (22003), as are division by zero (22012), floats that overflow or
underflow, and numerics beyond 39 digits. Integer division truncates towards zero, and a remainder
has the sign of the dividend.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from engine.errors import SqlError
from engine.scalar.registry import define
from engine.types import FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC, SqlType
from engine.types.numbers import NAN, fold
from engine.types.numeric import CONTEXT, PRECISION, folded
from engine.types.numeric import NAN as NUMERIC_NAN


def out_of_range(type_: SqlType) -> SqlError:
    return SqlError(f"{type_.sql_name} out of range", "22003")


def division_by_zero() -> SqlError:
    return SqlError("division by zero", "22012")


# Integers


def quotient(dividend: int, divisor: int) -> int:
    """Truncated towards zero, unlike Python's."""
    if divisor == 0:
        raise division_by_zero()
    whole = abs(dividend) // abs(divisor)
    return whole if (dividend < 0) == (divisor < 0) else -whole


def remainder(dividend: int, divisor: int) -> int:
    """With the sign of the dividend, unlike Python's."""
    if divisor == 0:
        raise division_by_zero()
    return int(math.copysign(1, dividend)) * (abs(dividend) % abs(divisor))


def _define_integer(type_: Any) -> None:
    def overflow() -> int:
        raise out_of_range(type_)

    def checked(template: str) -> dict[str, Any]:
        bounds = f"{type_.least} <= ({{t}} := {template}) <= {type_.most}"
        checked = f"{{t}} if {bounds} else {{overflow}}()"
        names = {"overflow": overflow, "quotient": quotient}
        return {"template": checked, "names": names, "can_fail": True}

    for symbol in ("+", "-", "*"):
        define(symbol, (type_, type_), type_, **checked(f"{{0}} {symbol} {{1}}"))
    define("/", (type_, type_), type_, **checked("{quotient}({0}, {1})"))
    for name in ("%", "mod"):
        define(name, (type_, type_), type_, remainder, can_fail=True)
    define("-", (type_,), type_, **checked("-{0}"))
    define("+", (type_,), type_, template="{0}")
    define("abs", (type_,), type_, **checked("abs({0})"))
    define("@", (type_,), type_, **checked("abs({0})"))
    for symbol, python in {"&": "&", "|": "|", "#": "^"}.items():
        define(symbol, (type_, type_), type_, template=f"{{0}} {python} {{1}}")
    define("~", (type_,), type_, template="~{0}")
    define("<<", (type_, INT4), type_, _shifter(type_, True))
    define(">>", (type_, INT4), type_, _shifter(type_, False))


def _shifter(type_: Any, left: bool) -> Callable[[int, int], int]:
    """Shifts as the processor does: by the count modulo the width, losing what falls out."""
    width = max(32, 8 * type_.size)

    def shift(value: int, count: int) -> int:
        count %= width
        shifted = value << count if left else value >> count
        modulus = 1 << 8 * type_.size
        return int((shifted - type_.least) % modulus + type_.least)

    return shift


_type: SqlType
for _type in (INT2, INT4, INT8):
    _define_integer(_type)

# Floats


def _define_float(type_: Any) -> None:
    def finish(value: float, *operands: float) -> float:
        """The result in this type; infinite only if an operand is."""
        try:
            result: float = type_.narrow(value)
        except OverflowError:
            raise _float_error("overflow") from None
        if math.isinf(result) and not any(map(math.isinf, operands)):
            raise _float_error("overflow")
        return result

    def add(a: float, b: float) -> float:
        return finish(a + b, a, b)

    def subtract(a: float, b: float) -> float:
        return finish(a - b, a, b)

    def multiply(a: float, b: float) -> float:
        result = finish(a * b, a, b)
        if not result and a and b:
            raise _float_error("underflow")
        return result

    def divide(a: float, b: float) -> float:
        if not b:
            if a != a:
                return NAN
            raise division_by_zero()
        result = finish(a / b, a)
        if not result and a and not math.isinf(b):
            raise _float_error("underflow")
        return result

    operations = (("+", add), ("-", subtract), ("*", multiply), ("/", divide))
    for symbol, call in operations:
        define(symbol, (type_, type_), type_, call, can_fail=True)
        if type_ is FLOAT8:
            define(symbol, (FLOAT4, FLOAT8), FLOAT8, call, can_fail=True)
            define(symbol, (FLOAT8, FLOAT4), FLOAT8, call, can_fail=True)
    define("-", (type_,), type_, template="{fold}(-{0})", names={"fold": fold})
    define("+", (type_,), type_, template="{0}")
    for name in ("abs", "@"):
        define(name, (type_,), type_, template="{fold}(abs({0}))", names={"fold": fold})


def _float_error(kind: str) -> SqlError:
    return SqlError(f"value out of range: {kind}", "22003")


for _type in (FLOAT4, FLOAT8):
    _define_float(_type)


def float_remainder(a: float, b: float) -> float:
    if not b:
        raise division_by_zero()
    return NAN if math.isinf(a) else fold(math.fmod(a, b))


for _name in ("%", "mod"):
    define(_name, (FLOAT8, FLOAT8), FLOAT8, float_remainder, can_fail=True)

# Numeric


def numeric_operation(
    operate: Callable[[Decimal, Decimal], Decimal],
) -> Callable[[Decimal, Decimal], Decimal]:
    """An operation of CONTEXT with decimal's errors in SQL's words."""

    def run(a: Decimal, b: Decimal) -> Decimal:
        try:
            return folded(operate(a, b))
        except Overflow:
            raise out_of_range(NUMERIC) from None
        except DivisionByZero:
            raise division_by_zero() from None
        except InvalidOperation:
            if not b and a.is_finite():
                raise division_by_zero() from None
            return NUMERIC_NAN  # of infinities

    return run


_WIDE = Context(prec=4 * PRECISION, traps=[InvalidOperation, DivisionByZero])
"""For remainders: they fit, but the quotients that come before them may not."""

for _symbol, _operate in {
    "+": CONTEXT.add,
    "-": CONTEXT.subtract,
    "*": CONTEXT.multiply,
    "/": CONTEXT.divide,
    "%": _WIDE.remainder,
    "mod": _WIDE.remainder,
}.items():
    define(_symbol, (NUMERIC, NUMERIC), NUMERIC, numeric_operation(_operate), can_fail=True)


def negate_numeric(value: Decimal) -> Decimal:
    return folded(value.copy_negate())


def absolute_numeric(value: Decimal) -> Decimal:
    return folded(value.copy_abs())


define("-", (NUMERIC,), NUMERIC, negate_numeric)
define("+", (NUMERIC,), NUMERIC, template="{0}")
for _name in ("abs", "@"):
    define(_name, (NUMERIC,), NUMERIC, absolute_numeric)
