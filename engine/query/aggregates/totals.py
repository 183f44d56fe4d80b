"""Exact totals of numbers: adding and removing a value restores the previous total.

A float is a whole multiple of 2^-1074, a numeric one of 10^-39, so both are summed as integers:
the total does not depend on the order of the rows, and it is rounded once, in the result.
(PostgreSQL sums floats one by one, so its last digits depend on the order of the rows.)
"""

from __future__ import annotations

import math
from decimal import Context, Decimal, Overflow
from typing import Any, Protocol

from engine.errors import SqlError
from engine.types.numbers import Float, fold
from engine.types.numeric import PRECISION, normalise
from engine.zset import Value

_FLOAT_BITS = 1074
_EXACT = Context(prec=400, Emin=-999_999, Emax=999_999)
"""Has room for every sum of numerics without rounding, and for more digits than are kept."""


class Scale(Protocol):
    """Converts values of a type to integers, and results to values of the result's type."""

    def scaled(self, value: Any) -> int:
        """Convert a finite value to units of the scale."""

    def special(self, value: float) -> Value:
        """Convert NaN or an infinity to the result's type."""

    def value(self, numerator: int, divisor: int, power: int, *, root: bool) -> Value:
        """Compute `numerator / divisor` units^power, or its square root; raises SqlError 22003."""


class FloatScale:
    """Floats to floats, in units of 2^-1074."""

    def __init__(self, result_type: Float) -> None:
        self._type = result_type

    def scaled(self, value: float) -> int:
        numerator, denominator = value.as_integer_ratio()
        return numerator << (_FLOAT_BITS + 1 - denominator.bit_length())

    def special(self, value: float) -> float:
        return self._type.narrow(value)

    def value(self, numerator: int, divisor: int, power: int, *, root: bool) -> float:
        try:
            quotient = numerator / (divisor << _FLOAT_BITS * power)
            return self._type.narrow(math.sqrt(quotient) if root else quotient)
        except OverflowError:
            raise out_of_range(self._type.sql_name) from None


class NumericScale:
    """Numerics, or integers with `digits` 0, to numerics, in units of 10^-digits."""

    def __init__(self, digits: int = PRECISION) -> None:
        self._digits = digits

    def scaled(self, value: Decimal | int) -> int:
        return value if isinstance(value, int) else int(value.scaleb(self._digits, _EXACT))

    def special(self, value: float) -> Decimal:
        return normalise(Decimal(value))

    def value(self, numerator: int, divisor: int, power: int, *, root: bool) -> Decimal:
        quotient = _EXACT.divide(Decimal(numerator), Decimal(divisor))
        quotient = quotient.scaleb(-self._digits * power, _EXACT)
        try:
            return normalise(quotient.sqrt(_EXACT) if root else quotient)
        except Overflow:
            raise out_of_range("numeric") from None


class NumericToFloatScale(NumericScale):
    """Numerics or integers to floats."""

    def special(self, value: float) -> float:  # type: ignore[override]
        return fold(value)

    def value(  # type: ignore[override]
        self, numerator: int, divisor: int, power: int, *, root: bool
    ) -> float:
        try:
            quotient = numerator / (divisor * 10 ** (self._digits * power))
            return fold(math.sqrt(quotient) if root else quotient)
        except OverflowError:
            raise out_of_range("double precision") from None


class Totals:
    """Number of values, their sum and the sum of their squares, in units of a scale.

    NaN and infinities are counted separately, so that the sum is restored when they are removed.
    """

    __slots__ = ("count", "infinite", "nan", "negative_infinite", "squares", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0
        self.squares = 0
        self.nan = 0
        self.infinite = 0
        self.negative_infinite = 0

    def add(self, value: Any, weight: int, scale: Scale, *, squares: bool) -> None:
        """Add `weight` copies of a value that is not NULL."""
        self.count += weight
        if value != value:
            self.nan += weight
        elif value == math.inf:
            self.infinite += weight
        elif value == -math.inf:
            self.negative_infinite += weight
        else:
            number = scale.scaled(value)
            self.sum += number * weight
            if squares:
                self.squares += number * number * weight

    @property
    def special(self) -> float | None:
        """NaN or an infinity, if the sum is one; None if it is finite."""
        if self.nan or (self.infinite and self.negative_infinite):
            return math.nan
        if self.infinite:
            return math.inf
        return -math.inf if self.negative_infinite else None


def out_of_range(sql_name: str) -> SqlError:
    return SqlError(f"{sql_name} out of range", "22003")
