"""The fields of dates, times and intervals: EXTRACT and date_part."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from engine.errors import SqlError
from engine.scalar.functions.conversions import numerics_float
from engine.scalar.functions.dates import microseconds, since_midnight
from engine.scalar.registry import VARYING, define
from engine.types import (
    DATE,
    FLOAT8,
    INTERVAL,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Interval,
    SqlType,
)
from engine.types.base import shorten
from engine.types.temporal import UNIX_EPOCH

_ALIASES = {
    "years": "year", "y": "year", "yr": "year", "yrs": "year",
    "months": "month", "mon": "month", "mons": "month",
    "days": "day", "d": "day",
    "hours": "hour", "h": "hour", "hr": "hour", "hrs": "hour",
    "minutes": "minute", "m": "minute", "min": "minute", "mins": "minute",
    "seconds": "second", "s": "second", "sec": "second", "secs": "second",
    "ms": "milliseconds", "msec": "milliseconds", "msecs": "milliseconds",
    "mseconds": "milliseconds", "useconds": "microseconds",
    "millisecond": "milliseconds", "millisec": "milliseconds",
    "us": "microseconds", "usec": "microseconds", "usecs": "microseconds",
    "microsecond": "microseconds", "microsec": "microseconds",
    "weeks": "week", "w": "week",
    "quarters": "quarter", "qtr": "quarter",
    "decades": "decade", "dec": "decade", "decs": "decade",
    "centuries": "century", "c": "century", "cent": "century",
    "millenniums": "millennium", "millennia": "millennium", "mil": "millennium",
    "mils": "millennium", "timezone_h": "timezone_hour", "timezone_m": "timezone_minute",
    "dayofweek": "dow", "dayofyear": "doy",
}  # fmt: skip


def field_name(text: str) -> str:
    """The name of a field that may be abbreviated or in the plural."""
    lowered = text.strip().lower()
    return _ALIASES.get(lowered, lowered)


def unknown_field(name: str, type_: SqlType) -> SqlError:
    return SqlError(f'unit "{shorten(name)}" not supported for type {type_.sql_name}', "22023")


# EXTRACT

Fields = dict[str, Callable[[Any], int | Decimal]]


def _ceil_years(years: int) -> Callable[[date], int]:
    """Centuries and millennia begin with a year 1."""
    return lambda day: -(-day.year // years)


_DATE_FIELDS: Fields = {
    "millennium": _ceil_years(1000),
    "century": _ceil_years(100),
    "decade": lambda day: day.year // 10,
    "year": lambda day: day.year,
    "isoyear": lambda day: day.isocalendar()[0],
    "quarter": lambda day: (day.month + 2) // 3,
    "month": lambda day: day.month,
    "week": lambda day: day.isocalendar()[1],
    "day": lambda day: day.day,
    "dow": lambda day: day.isoweekday() % 7,
    "isodow": lambda day: day.isoweekday(),
    "doy": lambda day: day.timetuple().tm_yday,
    "epoch": lambda day: (day - UNIX_EPOCH.date()).days * 86_400,
}


def _millionths(count: int) -> Decimal:
    return Decimal(count).scaleb(-6)


_TIME_FIELDS: Fields = {
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "second": lambda t: _millionths(t.second * 1_000_000 + t.microsecond),
    "milliseconds": lambda t: _millionths(1000 * (t.second * 1_000_000 + t.microsecond)),
    "microseconds": lambda t: t.second * 1_000_000 + t.microsecond,
}
_STAMP_FIELDS: Fields = {
    **_DATE_FIELDS,
    **_TIME_FIELDS,
    "epoch": lambda moment: _millionths(microseconds(moment - UNIX_EPOCH)),
}
_ZONED_FIELDS: Fields = {
    **_STAMP_FIELDS,
    "timezone": lambda _: 0,
    "timezone_hour": lambda _: 0,
    "timezone_minute": lambda _: 0,
}


def truncated(value: int, divisor: int) -> int:
    """The quotient, truncated towards zero."""
    return int(math.copysign(abs(value) // divisor, value))


def remaining(value: int, divisor: int) -> int:
    """The remainder, with the sign of the value."""
    return int(math.copysign(abs(value) % divisor, value))


def _interval_epoch(interval: Interval) -> Decimal:
    """Seconds, with years of 365.25 days and months of 30."""
    years, months = truncated(interval.months, 12), remaining(interval.months, 12)
    days = Decimal(years) * Decimal("365.25") + 30 * months + interval.days
    return days * 86_400 + _millionths(interval.microseconds)


_INTERVAL_FIELDS: Fields = {
    "millennium": lambda i: truncated(i.months, 12_000),
    "century": lambda i: truncated(i.months, 1200),
    "decade": lambda i: truncated(i.months, 120),
    "year": lambda i: truncated(i.months, 12),
    "quarter": lambda i: truncated(remaining(i.months, 12), 3) + 1,
    "month": lambda i: remaining(i.months, 12),
    "day": lambda i: i.days,
    "hour": lambda i: remaining(truncated(i.microseconds, 3_600_000_000), 24),
    "minute": lambda i: remaining(truncated(i.microseconds, 60_000_000), 60),
    "second": lambda i: _millionths(remaining(i.microseconds, 60_000_000)),
    "milliseconds": lambda i: _millionths(1000 * remaining(i.microseconds, 60_000_000)),
    "microseconds": lambda i: remaining(i.microseconds, 60_000_000),
    "epoch": _interval_epoch,
}


def _extractor(type_: SqlType, fields: Fields) -> Callable[[str, Any], Decimal]:
    def extract(name: str, value: Any) -> Decimal:
        read = fields.get(field_name(name))
        if read is None:
            raise unknown_field(name, type_)
        return Decimal(read(value))

    return extract


def _constant_extractor(
    fields: Fields, convert: Callable[[Any], Any]
) -> Callable[[Any, Any], Callable[[Any], Any] | None]:
    """EXTRACT of a field that is known when the query is compiled."""

    def specialise(name: Any, value: Any) -> Callable[[Any], Any] | None:
        read = None if name is VARYING else fields.get(field_name(name))
        return None if read is None else lambda value: convert(read(value))

    return specialise


def _as_float(extract: Callable[[str, Any], Decimal]) -> Callable[[str, Any], float]:
    return lambda name, value: numerics_float(extract(name, value))


for _type, _fields in (
    (DATE, _DATE_FIELDS),
    (TIME, {**_TIME_FIELDS, "epoch": lambda t: _millionths(since_midnight(t))}),
    (TIMESTAMP, _STAMP_FIELDS),
    (TIMESTAMPTZ, _ZONED_FIELDS),
    (INTERVAL, _INTERVAL_FIELDS),
):
    _extract = _extractor(_type, _fields)
    _numeric = _constant_extractor(_fields, Decimal)
    define("extract", (TEXT, _type), NUMERIC, _extract, can_fail=True, specialise=_numeric)
    if _type is DATE:
        # date_part of a date is that of its midnight, EXTRACT has no hours of a date.
        _fields = {**{name: lambda _: 0 for name in _TIME_FIELDS}, **_fields}
    _extract = _extractor(_type, _fields)
    _float = _constant_extractor(_fields, float)
    define(
        "date_part",
        (TEXT, _type),
        FLOAT8,
        _as_float(_extract),
        can_fail=True,
        specialise=_float,
    )
