"""The type interval, and the syntax of its texts.

A text is parts between blanks or punctuation, in any order: `1-2` (years and months), `3:04:05.6`,
`5 days`, `5d`, or a bare number, which counts days before a time of day and the literal's own unit
at the end (`INTERVAL '5' MINUTE`; seconds without one). No field may be given twice. PostgreSQL's
`ago` and ISO's `P1DT2H` are read, too.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from engine.types.base import SqlType, invalid_binary, invalid_syntax, shorten
from engine.types.interval import DAY, Interval, fraction_text

_BILLION = 1_000_000_000
_SIZES = {
    "millennium": (12_000, 0, 0),
    "century": (1200, 0, 0),
    "decade": (120, 0, 0),
    "year": (12, 0, 0),
    "month": (1, 0, 0),
    "week": (0, 7, 0),
    "day": (0, 1, 0),
    "hour": (0, 0, 3_600_000_000),
    "minute": (0, 0, 60_000_000),
    "second": (0, 0, 1_000_000),
    "millisecond": (0, 0, 1000),
    "microsecond": (0, 0, 1),
}
"""Months, days and microseconds of each unit, the largest first."""
_ALIASES = {
    "millennium": "millenniums millennia mil mils",
    "century": "centuries c cent",
    "decade": "decades dec decs",
    "year": "years y yr yrs",
    "month": "months mon mons",
    "week": "weeks w",
    "day": "days d",
    "hour": "hours h hr hrs",
    "minute": "minutes m min mins",
    "second": "seconds s sec secs",
    "millisecond": "milliseconds ms msec msecs mseconds",
    "microsecond": "microseconds us usec usecs useconds",
}
_UNITS = {alias: unit for unit in _SIZES for alias in (unit, *_ALIASES[unit].split())}
FIELDS = ("year", "month", "day", "hour", "minute", "second")
"""The units that may follow a literal, the largest first."""

_PARTS_OF_SECONDS = {"millisecond", "microsecond"}
_SEPARATORS = re.compile(r"[\s!-*,/;-@\[-`{-~]+")
_YEARS_AND_MONTHS = re.compile(r"(?P<sign>[+-]?)(?P<year>\d*)-(?P<month>\d*)", re.ASCII)
_CLOCK = re.compile(
    r"(?P<sign>[+-]?)(?P<first>\d*):(?P<second>\d*)"
    r"(?P<third>:\d*)?(?:\.(?P<fraction>\d*))?(?P<units>[a-z]*)",
    re.ASCII,
)
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d*)(?:\.(?P<fraction>\d*))?(?P<unit>[a-z]*)", re.ASCII
)
_NUMBERS_AND_UNITS = re.compile(r"(?:[+-]?[\d.]+[a-z]+){2,}", re.ASCII)
_ISO = re.compile(
    r"p(?=\S)(?:(-?[\d.]+)y)?(?:(-?[\d.]+)m)?(?:(-?[\d.]+)w)?(?:(-?[\d.]+)d)?"
    r"(?:t(?=\S)(?:(-?[\d.]+)h)?(?:(-?[\d.]+)m)?(?:(-?[\d.]+)s)?)?",
    re.ASCII,
)


def unit_of(name: str) -> str | None:
    """The full name of a unit that may be abbreviated or in the plural; None if unknown."""
    return _UNITS.get(name.lower())


def parse(text: str, last: str = "second", first: str = "year") -> Interval:
    """The interval that a text names; raises SqlError 22P02, 22008.

    A number without a unit at the end counts `last`; of `12:34` the parts are those that `first`
    and `last` leave.
    """
    trimmed = text.strip().lower()
    try:
        match = _ISO.fullmatch(trimmed)
        if match is not None:
            units = ("year", "month", "week", "day", "hour", "minute", "second")
            parts = [f"{n}{unit}" for n, unit in zip(match.groups(), units, strict=True) if n]
            return _Reader("second", "year").read(parts)
        words = [word.lstrip(":") for word in _SEPARATORS.split(trimmed)]
        is_ago = words[-1:] == ["ago"]
        found = _Reader(last, first).read([word for word in words if word and word != "ago"])
        return -found if is_ago else found
    except ValueError as error:
        raise invalid_syntax("interval", text, str(error)) from error


class _Reader:
    """Reads the parts of one text. `_values`: each field's whole units and billionths."""

    def __init__(self, last: str, first: str) -> None:
        self._last = last
        self._first = first
        self._values: dict[str, tuple[int, int]] = {}

    def read(self, parts: list[str]) -> Interval:
        if not parts:
            raise ValueError("expected a number and a unit")
        parts = [piece for part in parts for piece in _taken_apart(part)]
        pending: re.Match[str] | None = None
        for part in parts:
            number = _NUMBER.fullmatch(part)
            if number is not None and not number["whole"] and number["fraction"] is None:
                if number["sign"]:
                    raise ValueError(f"unexpected {part}")
                if pending is not None:
                    self._number(pending, _unit(part))
                    pending = None
                else:
                    _unit(part)  # a unit without a number counts nothing
                continue
            clock = _CLOCK.fullmatch(part)
            if pending is not None:
                if clock is None:
                    raise ValueError("cannot determine format of all parts: add units")
                self._number(pending, "day")
                pending = None
            if clock is not None:
                self._clock(clock)
            elif number is None:
                self._years_and_months(part)
            elif number["unit"]:
                self._number(number, _unit(number["unit"]))
            else:
                pending = number
        if pending is not None:
            self._number(pending, self._last)
        return self._sum()

    def _set(self, unit: str, whole: int, billionths: int = 0) -> None:
        if unit in self._values:
            raise ValueError(f"{unit.upper()} field set twice")
        self._values[unit] = (whole, billionths)

    def _number(self, match: re.Match[str], unit: str) -> None:
        sign = -1 if match["sign"] == "-" else 1
        self._set(unit, sign * _integer(match["whole"]), sign * _billionths(match["fraction"]))

    def _years_and_months(self, part: str) -> None:
        match = _YEARS_AND_MONTHS.fullmatch(part)
        if match is None:
            raise ValueError(f"unexpected {shorten(part)}")
        sign = -1 if match["sign"] else 1
        sign = 1 if match["sign"] == "+" else sign
        months = _integer(match["month"])
        if months > 12:
            raise ValueError(f"MONTH must be [-12, 12], got {months}")
        self._set("year", sign * _integer(match["year"]))
        self._set("month", sign * months)

    def _clock(self, match: re.Match[str]) -> None:
        for unit in filter(None, [match["units"]]):
            _unit(unit)
        sign = -1 if match["sign"] == "-" else 1
        numbers = [_integer(match["first"]), _integer(match["second"])]
        if match["third"] is not None:
            numbers.append(_integer(match["third"][1:]))
        elif match["fraction"] is not None or self._first == "minute":
            numbers.insert(0, 0)
        else:
            numbers.append(0)
        hours, minutes, seconds = numbers
        if minutes > 59:
            raise ValueError(f"MINUTE must be [-59, 59], got {minutes}")
        if seconds > 60:
            raise ValueError(f"SECOND must be [-60, 60], got {seconds}")
        self._set("hour", sign * hours)
        self._set("minute", sign * minutes)
        self._set("second", sign * seconds, sign * _billionths(match["fraction"]))

    def _sum(self) -> Interval:
        months = days = microseconds = 0
        if self._values.get("second", (0, 0))[1] and self._values.keys() & _PARTS_OF_SECONDS:
            raise ValueError("a fraction of SECOND beside MILLISECONDS or MICROSECONDS")
        for unit, (whole, billionths) in self._values.items():
            per_unit = _SIZES[unit]
            months += whole * per_unit[0]
            days += whole * per_unit[1]
            microseconds += whole * per_unit[2]
            if per_unit[0] > 1:
                months += _quotient(billionths * per_unit[0], _BILLION)
                continue
            rest = billionths * (30 if per_unit[0] else per_unit[1])
            more_days = _quotient(rest, _BILLION)
            days += more_days
            rest = (rest - more_days * _BILLION) * DAY + billionths * per_unit[2]
            microseconds += _rounded_quotient(rest, _BILLION)
        return Interval(months, days, microseconds)


def _taken_apart(part: str) -> list[str]:
    """`1y2mon` as two parts."""
    if _NUMBERS_AND_UNITS.fullmatch(part):
        return re.findall(r"[+-]?[\d.]+[a-z]+", part)
    return [part]


def _unit(name: str) -> str:
    unit = _UNITS.get(name)
    if unit is None:
        raise ValueError(f"unknown units {shorten(name)}")
    return unit


def _integer(digits: str) -> int:
    if len(digits) > 19:
        raise ValueError("number too large to fit in target type")
    return int(digits or 0)


def _billionths(digits: str | None) -> int:
    """The fraction of these digits, of which nine count."""
    return int((digits or "")[:9].ljust(9, "0"))


def _quotient(dividend: int, divisor: int) -> int:
    """Truncated towards zero."""
    return dividend // divisor if dividend >= 0 else -(-dividend // divisor)


def _rounded_quotient(dividend: int, divisor: int) -> int:
    """Rounded to the nearest, halves away from zero."""
    half = divisor // 2
    return _quotient(dividend + (half if dividend >= 0 else -half), divisor)


_TIME = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}


def limited(interval: Interval, first: str, last: str, decimals: int = 6) -> Interval:
    """The fields from `first` to `last`, seconds to so many decimals; raises SqlError 22008."""
    months, days, rest = interval.months, interval.days, interval.microseconds
    if first == "month":
        months -= 12 * _quotient(months, 12)
    elif first != "year":
        months = 0
    if first in _TIME:
        days = 0
        whole = {"hour": DAY, "minute": _TIME["hour"], "second": _TIME["minute"]}[first]
        rest -= whole * _quotient(rest, whole)
    if last == "second":
        step = 10 ** (6 - decimals)
        return Interval(months, days, _rounded_quotient(rest, step) * step)
    if last in _TIME:
        return Interval(months, days, _quotient(rest, _TIME[last]) * _TIME[last])
    if last == "day":
        return Interval(months, days)
    return Interval(12 * _quotient(months, 12) if last == "year" else months)


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


INTERVAL = IntervalType("interval", "interval", 1186, 1187, 16, "T")
