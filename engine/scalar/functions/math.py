"""Mathematical functions on floats and numerics.

As in PostgreSQL, integers become floats (`sqrt(4)`), except where a function has its own signature
for them; numerics stay numerics, to 39 digits.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    InvalidOperation,
    Overflow,
)
from typing import Any

from engine.errors import SqlError
from engine.scalar.functions.arithmetic import out_of_range
from engine.scalar.registry import define
from engine.types import FLOAT8, INT4, INT8, NUMERIC
from engine.types.numbers import NAN, fold
from engine.types.numeric import CONTEXT, PRECISION, normalise
from engine.types.numeric import NAN as NUMERIC_NAN

# Rounding

_WIDE = Context(prec=3 * PRECISION, traps=[InvalidOperation])


def _rounder(rounding: str) -> Callable[..., Decimal]:
    def run(value: Decimal, decimals: int = 0) -> Decimal:
        """To `decimals` places behind the point, before it if negative."""
        if not value.is_finite() or decimals > PRECISION:
            return value
        if -decimals > PRECISION:
            return Decimal(0)
        step = Decimal(1).scaleb(-decimals)
        try:
            return normalise(value.quantize(step, rounding=rounding, context=_WIDE))
        except Overflow:
            raise out_of_range(NUMERIC) from None

    return run


_ROUNDINGS = {"ceil": ROUND_CEILING, "ceiling": ROUND_CEILING, "floor": ROUND_FLOOR}
_ROUNDINGS |= {"round": ROUND_HALF_UP, "trunc": ROUND_DOWN}
for _name, _rounding in _ROUNDINGS.items():
    define(_name, (NUMERIC,), NUMERIC, _rounder(_rounding), can_fail=True)
for _name in ("round", "trunc"):
    define(_name, (NUMERIC, INT4), NUMERIC, _rounder(_ROUNDINGS[_name]), can_fail=True)


def _float_rounder(operate: Callable[[float], int]) -> Callable[[float], float]:
    def run(value: float) -> float:
        return fold(math.copysign(operate(value), value)) if math.isfinite(value) else value

    return run


_TO_INTEGER: dict[str, Callable[[float], int]] = {
    "ceil": math.ceil,
    "ceiling": math.ceil,
    "floor": math.floor,
    "round": round,
    "trunc": math.trunc,
}
for _name, _operate in _TO_INTEGER.items():
    define(_name, (FLOAT8,), FLOAT8, _float_rounder(_operate))

# Signs


def sign(value: float) -> float:
    return value if value != value else float((value > 0) - (value < 0))


def numeric_sign(value: Decimal) -> Decimal:
    return value if value.is_nan() else Decimal((value > 0) - (value < 0))


define("sign", (FLOAT8,), FLOAT8, sign)
define("sign", (NUMERIC,), NUMERIC, numeric_sign)

# Roots, powers, logarithms


def _of_float(operate: Callable[..., float]) -> Callable[..., float]:
    """Python's function with its errors in SQL's words."""

    def run(*values: float) -> float:
        if any(value != value for value in values):
            return NAN
        try:
            return fold(operate(*values))
        except OverflowError:
            raise SqlError("value out of range: overflow", "22003") from None
        except ValueError:
            raise SqlError("input is out of range", "22003") from None

    return run


def _negative_root() -> SqlError:
    return SqlError("cannot take square root of a negative number", "2201F")


def square_root(value: float) -> float:
    if value < 0:
        raise _negative_root()
    return math.sqrt(value)


def check_logarithm(value: float | Decimal) -> None:
    if not value:
        raise SqlError("cannot take logarithm of zero", "2201E")
    if value < 0:
        raise SqlError("cannot take logarithm of a negative number", "2201E")


def exponential(value: float) -> float:
    power = math.exp(value)
    if math.isinf(power):
        raise OverflowError
    if not power:
        raise SqlError("value out of range: underflow", "22003")
    return power


def natural_logarithm(value: float) -> float:
    check_logarithm(value)
    return math.log(value)


def common_logarithm(value: float) -> float:
    check_logarithm(value)
    return math.log10(value)


def power(base: float, exponent: float) -> float:
    if not base and exponent < 0:
        raise SqlError("zero raised to a negative power is undefined", "2201F")
    if base < 0 and math.isfinite(exponent) and exponent != math.trunc(exponent):
        raise SqlError(
            "a negative number raised to a non-integer power yields a complex result", "2201F"
        )
    return math.pow(base, exponent)


def cube_root(value: float) -> float:
    root = math.cbrt(value)
    if math.isfinite(root) and round(root) ** 3 == value:
        return float(round(root))  # exact where the C library is a digit off
    return root


_FLOAT_FUNCTIONS: dict[str, Callable[..., float]] = {
    "sqrt": square_root,
    "|/": square_root,
    "cbrt": cube_root,
    "||/": cube_root,
    "exp": exponential,
    "ln": natural_logarithm,
    "log": common_logarithm,
    "log10": common_logarithm,
    "degrees": math.degrees,
    "radians": math.radians,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
}
for _name, _call in _FLOAT_FUNCTIONS.items():
    define(_name, (FLOAT8,), FLOAT8, _of_float(_call), can_fail=True)


def cotangent(value: float) -> float:
    tangent = math.tan(value)
    return 1 / tangent if tangent else math.inf


define("cot", (FLOAT8,), FLOAT8, _of_float(cotangent), can_fail=True)
define("atan2", (FLOAT8, FLOAT8), FLOAT8, _of_float(math.atan2), can_fail=True)
for _name in ("power", "pow", "^"):
    define(_name, (FLOAT8, FLOAT8), FLOAT8, _of_float(power), can_fail=True)


def _of_numeric(operate: Callable[..., Decimal]) -> Callable[..., Decimal]:
    """decimal's function, whose result must fit."""

    def run(*values: Decimal) -> Decimal:
        if any(value.is_nan() for value in values):
            return NUMERIC_NAN
        try:
            return normalise(operate(*values))
        except Overflow:
            raise SqlError("value out of range: overflow", "22003") from None
        except InvalidOperation:
            raise SqlError("input is out of range", "22003") from None

    return run


def numeric_square_root(value: Decimal) -> Decimal:
    if value < 0:
        raise _negative_root()
    return CONTEXT.sqrt(value)


def numeric_logarithm(value: Decimal) -> Decimal:
    check_logarithm(value)
    return CONTEXT.ln(value)


def numeric_common_logarithm(value: Decimal) -> Decimal:
    check_logarithm(value)
    return CONTEXT.log10(value)


def numeric_logarithm_of_base(base: Decimal, value: Decimal) -> Decimal:
    check_logarithm(base)
    check_logarithm(value)
    divisor = CONTEXT.ln(base)
    if not divisor:
        raise SqlError("division by zero", "22012")
    return CONTEXT.divide(_WIDE.ln(value), _WIDE.ln(base))


def numeric_power(base: Decimal, exponent: Decimal) -> Decimal:
    if not base and exponent < 0:
        raise SqlError("zero raised to a negative power is undefined", "2201F")
    if not base and not exponent:
        return Decimal(1)
    if base < 0 and exponent != exponent.to_integral_value():
        raise SqlError(
            "a negative number raised to a non-integer power yields a complex result", "2201F"
        )
    power = CONTEXT.power(base, exponent)
    if not power and base and base.is_finite() and exponent.is_finite():
        raise SqlError("value out of range: underflow", "22003")
    return power


for _name, _numeric in {
    "sqrt": numeric_square_root,
    "|/": numeric_square_root,
    "exp": CONTEXT.exp,
    "ln": numeric_logarithm,
    "log": numeric_common_logarithm,
    "log10": numeric_common_logarithm,
}.items():
    define(_name, (NUMERIC,), NUMERIC, _of_numeric(_numeric), can_fail=True)
define("log", (NUMERIC, NUMERIC), NUMERIC, _of_numeric(numeric_logarithm_of_base), can_fail=True)
for _name in ("power", "pow", "^"):
    define(_name, (NUMERIC, NUMERIC), NUMERIC, _of_numeric(numeric_power), can_fail=True)

# Whole numbers


def _gcd(type_: Any) -> Callable[[int, int], int]:
    def gcd(a: int, b: int) -> int:
        divisor = math.gcd(a, b)
        if divisor > type_.most:
            raise out_of_range(type_)
        return divisor

    return gcd


for _type in (INT4, INT8):
    define("gcd", (_type, _type), _type, _gcd(_type), can_fail=True)

# Others

define("pi", (), FLOAT8, template="3.141592653589793")
define("random", (), FLOAT8, random.random, volatile=True)
