"""bool, the integers, oid, and the floats.

Floats are made unambiguous where they are made: all that is computed passes through `fold`. There
is one NaN object (`NAN`), for Python's sets and dictionaries find a NaN by identity only, and one
negative zero (`NEGATIVE_ZERO`), which prints as `-0` and so must be no key that finds `0`.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from typing import Any

from engine.types.base import SqlType, invalid_binary, invalid_syntax, out_of_range

NAN = math.nan


class _NegativeZero(float):
    """-0.0, but equal to itself alone; added to 0.0 it is a plain zero."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return 1


NEGATIVE_ZERO = _NegativeZero(-0.0)


def fold(value: float) -> float:
    """The one object for NaN or for -0.0, or else `value`."""
    if value:
        return value if value == value else NAN
    return 0.0 if math.copysign(1.0, value) > 0 else NEGATIVE_ZERO


class Bool(SqlType):
    def to_text(self, value: Any) -> str:
        return "t" if value else "f"

    def from_text(self, text: str) -> bool:
        try:
            return _BOOLEANS[text.strip().lower()]
        except KeyError:
            raise invalid_syntax(self.sql_name, text) from None

    def to_binary(self, value: Any) -> bytes:
        return b"\1" if value else b"\0"

    def from_binary(self, data: bytes) -> bool:
        if len(data) != 1:
            raise invalid_binary(self.sql_name, data)
        return data != b"\0"


_BOOLEANS = {
    word[:length]: value
    for word, least, value in [
        ("true", 1, True),
        ("yes", 1, True),
        ("on", 2, True),
        ("1", 1, True),
        ("false", 1, False),
        ("no", 1, False),
        ("off", 2, False),
        ("0", 1, False),
    ]
    for length in range(least, len(word) + 1)
}

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class Integer(SqlType):
    """A signed integer of `size` bytes, or an unsigned one (oid)."""

    def __init__(
        self, name: str, sql_name: str, oid: int, array_oid: int, size: int, signed: bool = True
    ) -> None:
        super().__init__(name, sql_name, oid, array_oid, size, "N")
        self._signed = signed
        self.least = -(1 << 8 * size - 1) if signed else 0
        self.most = (1 << (8 * size - 1 if signed else 8 * size)) - 1
        self._always_fits = len(str(self.most)) - 1

    def to_text(self, value: Any) -> str:
        return str(value)

    def from_text(self, text: str) -> int:
        if len(text) <= self._always_fits and text.isdecimal() and text.isascii():
            return int(text)
        trimmed = text.strip()
        if not _INTEGER.fullmatch(trimmed):
            reason = "invalid digit found in string"
            if not trimmed:
                reason = "cannot parse integer from empty string"
            raise invalid_syntax(self.sql_name, text, reason)
        value = int(trimmed) if len(trimmed) < 40 else self.most + 1
        if not self.least <= value <= self.most:
            raise out_of_range(self.sql_name, text)
        return value

    def to_binary(self, value: Any) -> bytes:
        return int(value).to_bytes(self.size, "big", signed=self._signed)

    def from_binary(self, data: bytes) -> int:
        if len(data) != self.size:
            raise invalid_binary(self.sql_name, data)
        return int.from_bytes(data, "big", signed=self._signed)


_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?|nan)", re.I | re.A
)
_BEYOND_FLOAT4 = float.fromhex("0x1.ffffffp+127")  # from here on a float4 overflows
_ZERO = re.compile(r"[+-]?[0.]+(?:e.*)?", re.I | re.A)


_FLOAT4_DIGITS = 9
"""Significant digits that name any float4."""


class Float(SqlType):
    """A binary float; it is printed without an exponent if that is one of `plain_exponents`."""

    def __init__(
        self,
        name: str,
        sql_name: str,
        oid: int,
        array_oid: int,
        size: int,
        plain_exponents: range,
    ) -> None:
        super().__init__(name, sql_name, oid, array_oid, size, "N")
        self._plain_exponents = plain_exponents
        self._struct = struct.Struct(">d" if size == 8 else ">f")

    def narrow(self, value: float) -> float:
        """The value of this type next to `value`; OverflowError if it is beyond the range."""
        if self.size == 4:
            value = self._struct.unpack(self._struct.pack(value))[0]
        return fold(value)

    def to_text(self, value: Any) -> str:
        if value != value:
            return "NaN"
        if value in (math.inf, -math.inf):
            return "Infinity" if value > 0 else "-Infinity"
        if not value:
            return "-0" if value is NEGATIVE_ZERO else "0"
        mantissa, _, exponent = self._shortest(value).partition("e")
        sign = "-" if mantissa.startswith("-") else ""
        whole, _, fraction = mantissa.lstrip("-").partition(".")
        power = int(exponent)
        digits = (whole + fraction).rstrip("0") or "0"
        if power not in self._plain_exponents:
            point = f".{digits[1:]}" if len(digits) > 1 else ""
            return f"{sign}{digits[0]}{point}e{power:+d}"
        if power < 0:
            return f"{sign}0.{'0' * (-power - 1)}{digits}"
        whole, fraction = digits[: power + 1].ljust(power + 1, "0"), digits[power + 1 :]
        return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"

    def _shortest(self, value: float) -> str:
        """The fewest digits that name this value and no other, as `d.ddde+xx`."""
        if self.size == 8:
            return f"{Decimal(repr(value)):e}"
        for digits in range(_FLOAT4_DIGITS):
            text = f"{value:.{digits}e}"
            if abs(float(text)) < _BEYOND_FLOAT4 and self.narrow(float(text)) == value:
                break
        return text

    def from_text(self, text: str) -> float:
        trimmed = text.strip()
        if not _FLOAT.fullmatch(trimmed):
            raise invalid_syntax(self.sql_name, text)
        try:
            value = self.narrow(float(trimmed))
        except OverflowError:
            raise out_of_range(self.sql_name, text) from None
        overflow = math.isinf(value) and "n" not in trimmed.lower()
        if overflow or (not value and not _ZERO.fullmatch(trimmed)):
            raise out_of_range(self.sql_name, text)
        return value

    def to_binary(self, value: Any) -> bytes:
        return self._struct.pack(value)

    def from_binary(self, data: bytes) -> float:
        if len(data) != self.size:
            raise invalid_binary(self.sql_name, data)
        return fold(self._struct.unpack(data)[0])

    def sort_key(self, value: Any) -> Any:
        return (value != value, 0.0 if value != value else value)


BOOL = Bool("bool", "boolean", 16, 1000, 1, "B")
INT2 = Integer("int2", "smallint", 21, 1005, 2)
INT4 = Integer("int4", "integer", 23, 1007, 4)
INT8 = Integer("int8", "bigint", 20, 1016, 8)
OID = Integer("oid", "oid", 26, 1028, 4, signed=False)
FLOAT4 = Float("float4", "real", 700, 1021, 4, range(-6, 13))
FLOAT8 = Float("float8", "double precision", 701, 1022, 8, range(-5, 16))
