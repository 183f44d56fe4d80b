"""interval: months, days and microseconds, kept apart, for months and days vary in length.

Two intervals of equal length that are written differently (`1 month`, `30 days`) are equal to
SQL's `=`, which compares `length`, but are different values: GROUP BY, DISTINCT and joins keep
them apart, as they do in Materialize, for they print differently.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from engine.errors import SqlError
from engine.types.base import SqlType, invalid_binary, invalid_syntax, shorten

DAY = 86_400_000_000
"""Microseconds of a day of 24 hours."""
MONTH = 30 * DAY
"""Microseconds of a month where one has to be compared with days."""


@dataclass(frozen=True, slots=True)
class Interval:
    months: int = 0
    days: int = 0
    microseconds: int = 0

    def __post_init__(self) -> None:
        in_range = (
            -(2**31) <= self.months < 2**31
            and -(2**31) <= self.days < 2**31
            and -(2**63) <= self.microseconds < 2**63
        )
        if not in_range:
            raise SqlError("interval out of range", "22008")

    @property
    def length(self) -> int:
        """The microseconds by which SQL compares: months of 30 days, days of 24 hours."""
        return self.months * MONTH + self.days * DAY + self.microseconds

    def __neg__(self) -> Interval:
        return Interval(-self.months, -self.days, -self.microseconds)

    def __add__(self, other: Interval) -> Interval:
        return Interval(
            self.months + other.months,
            self.days + other.days,
            self.microseconds + other.microseconds,
        )

    def __sub__(self, other: Interval) -> Interval:
        return self + -other


_UNITS = {
    "microsecond": (0, 0, 1),
    "millisecond": (0, 0, 1000),
    "second": (0, 0, 1_000_000),
    "minute": (0, 0, 60_000_000),
    "hour": (0, 0, 3_600_000_000),
    "day": (0, 1, 0),
    "week": (0, 7, 0),
    "month": (1, 0, 0),
    "year": (12, 0, 0),
    "decade": (120, 0, 0),
    "century": (1200, 0, 0),
    "millennium": (12000, 0, 0),
}
_ALIASES = {
    "us": "microsecond",
    "usec": "microsecond",
    "ms": "millisecond",
    "msec": "millisecond",
    "s": "second",
    "sec": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "hr": "hour",
    "d": "day",
    "w": "week",
    "mon": "month",
    "y": "year",
    "yr": "year",
    "dec": "decade",
    "c": "century",
    "cent": "century",
    "centuries": "century",
    "mil": "millennium",
    "millennia": "millennium",
}

_PART = re.compile(
    r"\s*(?:"
    r"(?P<clock>[+-]?\d+:\d{1,2}(?::\d{1,2}(?:\.\d*)?)?)(?![\d:.])"
    r"|(?P<years>[+-]?\d+)-(?P<months>\d{1,2})(?!\S)"
    r"|(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*(?P<unit>[a-z]*)"
    r")",
    re.ASCII,
)
_ISO = re.compile(
    r"P(?=\S)(?:(-?[\d.]+)Y)?(?:(-?[\d.]+)M)?(?:(-?[\d.]+)W)?(?:(-?[\d.]+)D)?"
    r"(?:T(?=\S)(?:(-?[\d.]+)H)?(?:(-?[\d.]+)M)?(?:(-?[\d.]+)S)?)?",
    re.ASCII | re.IGNORECASE,
)


def unit_of(name: str) -> str | None:
    """The full name of a unit that may be abbreviated or in the plural; None if unknown."""
    lowered = name.lower()
    for candidate in (lowered, lowered.removesuffix("s")):
        if candidate in _UNITS:
            return candidate
        if candidate in _ALIASES:
            return _ALIASES[candidate]
    return None


def of_unit(number: Decimal, unit: str) -> Interval:
    """`number` times a unit; a fraction spills over into days, then into microseconds."""
    months, days, microseconds = (number * size for size in _UNITS[unit])
    whole_months = int(months)
    if _UNITS[unit][0] >= 12:
        return Interval(months=int(months.quantize(Decimal(1), ROUND_HALF_EVEN)))
    days += (months - whole_months) * 30
    whole_days = int(days)
    microseconds += (days - whole_days) * DAY
    return Interval(
        whole_months, whole_days, int(microseconds.quantize(Decimal(1), ROUND_HALF_EVEN))
    )


def _clock(text: str) -> Interval:
    """`[-]HH:MM[:SS[.fraction]]`; a sign stands for all of it."""
    sign = -1 if text.startswith("-") else 1
    hours, minutes, *rest = text.lstrip("+-").split(":")
    seconds = Decimal(rest[0]) if rest else Decimal(0)
    if int(minutes) > 59 or seconds >= 60:
        raise ValueError("minutes and seconds must be below 60")
    whole = (int(hours) * 60 + int(minutes)) * 60_000_000
    fraction = (seconds * 1_000_000).quantize(Decimal(1), ROUND_HALF_EVEN)
    return Interval(microseconds=sign * (whole + int(fraction)))


def _parse_iso(text: str) -> Interval | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    units = ("year", "month", "week", "day", "hour", "minute", "second")
    total = Interval()
    for number, unit in zip(match.groups(), units, strict=True):
        if number:
            total += of_unit(Decimal(number), unit)
    return total


def parse(text: str, default_unit: str = "second") -> Interval:
    """Parse `1 year 2 mons 3 days 04:05:06.7 [ago]`, `1-2`, `P1Y2DT3H`, or a bare number.

    A number without a unit counts `default_unit`. Raises SqlError (22P02, 22008).
    """
    trimmed = text.strip().lower()
    try:
        if trimmed.startswith("p") and (iso := _parse_iso(trimmed)) is not None:
            return iso
        return _parse_parts(trimmed, default_unit)
    except (ValueError, ArithmeticError) as error:
        raise invalid_syntax("interval", text, str(error)) from error


def _parse_parts(text: str, default_unit: str) -> Interval:
    ago = text.endswith(" ago")
    rest = text.removesuffix(" ago").strip().removeprefix("@")
    if not rest:
        raise ValueError("expected a number and a unit")
    parts, at = [], 0
    while at < len(rest):
        match = _PART.match(rest, at)
        if match is None:
            raise ValueError(f"unexpected {shorten(rest[at:].strip())}")
        parts.append(match)
        at = match.end()
    total = Interval()
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        # Before a time of day, a number without a unit counts days: `1-2 3 04:05:06`.
        before_clock = following is not None and following["clock"] is not None
        if part["number"] and not part["unit"] and following is not None and not before_clock:
            raise ValueError(f"expected a unit after {part['number']}")
        total += _part(part, "day" if before_clock else default_unit)
    return -total if ago else total


def _part(match: re.Match[str], default_unit: str) -> Interval:
    if match["clock"]:
        return _clock(match["clock"])
    if match["years"]:
        sign = -1 if match["years"].startswith("-") else 1
        return Interval(months=int(match["years"]) * 12 + sign * int(match["months"]))
    unit = unit_of(match["unit"]) if match["unit"] else default_unit
    if unit is None:
        raise ValueError(f"unknown unit {match['unit']}")
    return of_unit(Decimal(match["number"]), unit)


def fraction_text(microseconds: int) -> str:
    """`.5` for 500000 microseconds, nothing for none: as many decimals as needed."""
    return f".{microseconds:06d}".rstrip("0") if microseconds else ""


class IntervalType(SqlType):
    def to_text(self, value: Any) -> str:
        parts: list[str] = []
        negative = False

        def add(number: int, unit: str) -> None:
            nonlocal negative
            if number:
                sign = "+" if negative and number > 0 else ""
                parts.append(f"{sign}{number} {unit}{'' if number == 1 else 's'}")
                negative = number < 0

        years, months = divmod(abs(value.months), 12)
        sign = -1 if value.months < 0 else 1
        add(sign * years, "year")
        add(sign * months, "month")
        add(value.days, "day")
        if value.microseconds or not parts:
            seconds, fraction = divmod(abs(value.microseconds), 1_000_000)
            prefix = "-" if value.microseconds < 0 else "+" if negative else ""
            parts.append(
                f"{prefix}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
                f"{fraction_text(fraction)}"
            )
        return " ".join(parts)

    def from_text(self, text: str) -> Interval:
        return parse(text)

    def to_binary(self, value: Any) -> bytes:
        return struct.pack(">qii", value.microseconds, value.days, value.months)

    def from_binary(self, data: bytes) -> Interval:
        if len(data) != 16:
            raise invalid_binary(self.sql_name, data)
        microseconds, days, months = struct.unpack(">qii", data)
        return Interval(months, days, microseconds)

    def sort_key(self, value: Any) -> Any:
        return (value.length, value.months, value.days)


INTERVAL = IntervalType("interval", "interval", 1186, 1187, 16, "T")
