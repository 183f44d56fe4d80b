"""numeric: decimal numbers of at most 39 digits, as Materialize has them.

A value is a `decimal.Decimal` that `normalise` has passed: at most 39 significant digits, no
digit above 10^38, none below 10^-39, no negative zero, and one NaN object. Two that are equal
print the same, since trailing zeros are not printed.
"""

from __future__ import annotations

import re
import struct
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from engine.types.base import SqlType, invalid_binary, invalid_syntax, out_of_range

PRECISION = 39
CONTEXT = Context(
    prec=PRECISION,
    rounding=ROUND_HALF_EVEN,
    Emin=-1,  # with 39 digits, the smallest subnormal is then 10^-39: smaller parts are rounded
    Emax=PRECISION - 1,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
"""Arithmetic on numerics is done in this context; what overflows raises `decimal.Overflow`."""

NAN = Decimal("NaN")
ZERO = Decimal(0)
_EXACT = Context(prec=10_000, Emin=-999_999, Emax=999_999, traps=[InvalidOperation])
_NUMERIC = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,9})?|inf(?:inity)?|nan)", re.I | re.A
)


def normalise(value: Decimal) -> Decimal:
    """`value` rounded to the precision of the type; raises `decimal.Overflow` beyond 39 digits."""
    return folded(CONTEXT.plus(value))


def folded(value: Decimal) -> Decimal:
    """The one NaN, the one zero, or `value`: what came out of CONTEXT needs no more."""
    return NAN if value != value else value or ZERO


def plain(value: Decimal) -> str:
    """All digits of a finite number without an exponent, and no zeros at the fraction's end."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Numeric(SqlType):
    def to_text(self, value: Any) -> str:
        if value.is_finite():
            return plain(value)
        return "NaN" if value.is_nan() else "Infinity" if value > 0 else "-Infinity"

    def from_text(self, text: str) -> Decimal:
        trimmed = text.strip()
        if not _NUMERIC.fullmatch(trimmed):
            raise invalid_syntax(self.sql_name, text)
        try:
            return normalise(Decimal(trimmed))
        except Overflow:
            raise out_of_range(self.sql_name, text) from None

    def to_binary(self, value: Any) -> bytes:
        """Base-10000 digits: count, weight of the first, sign, decimals printed, digits."""
        if not value.is_finite():
            sign = 0xC000 if value.is_nan() else 0xD000 if value > 0 else 0xF000
            return struct.pack(">hhHh", 0, 0, sign, 0)
        whole, _, fraction = plain(value.copy_abs()).partition(".")
        scale = len(fraction)
        whole = whole.lstrip("0")
        whole = "0" * (-len(whole) % 4) + whole
        fraction += "0" * (-len(fraction) % 4)
        groups = [int((whole + fraction)[at : at + 4]) for at in range(0, len(whole + fraction), 4)]
        weight = len(whole) // 4 - 1
        while groups and groups[0] == 0:
            del groups[0]
            weight -= 1
        while groups and groups[-1] == 0:
            del groups[-1]
        sign = 0x4000 if value < 0 else 0
        head = struct.pack(">hhHh", len(groups), weight if groups else 0, sign, scale)
        return head + struct.pack(f">{len(groups)}h", *groups)

    def from_binary(self, data: bytes) -> Decimal:
        if len(data) < 8:
            raise invalid_binary(self.sql_name, data)
        count, weight, sign, _scale = struct.unpack_from(">hhHh", data)
        special = {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}.get(sign)
        if special is not None:
            return self.from_text(special)
        if count < 0 or len(data) != 8 + 2 * count or sign not in (0, 0x4000):
            raise invalid_binary(self.sql_name, data)
        groups = struct.unpack_from(f">{count}h", data, 8)
        if not all(0 <= group < 10_000 for group in groups):
            raise invalid_binary(self.sql_name, data)
        digits = Decimal("".join(f"{group:04d}" for group in groups) or "0")
        value = (digits.copy_negate() if sign else digits).scaleb(4 * (weight - count + 1), _EXACT)
        try:
            return normalise(value)
        except Overflow:
            raise out_of_range(self.sql_name, str(value)) from None

    def sort_key(self, value: Any) -> Any:
        return (value.is_nan(), Decimal(0) if value.is_nan() else value)


NUMERIC = Numeric("numeric", "numeric", 1700, 1231, -1, "N")
