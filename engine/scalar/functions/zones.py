"""Making moments of numbers, and time zones."""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

from engine.errors import SqlError
from engine.scalar.registry import define
from engine.types import (
    FLOAT8,
    INT8,
    INTERVAL,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    Interval,
    SqlType,
)
from engine.types.temporal import (
    UNIX_EPOCH,
    out_of_range,
    posix_time_zone,
    time_zone,
    to_local,
    to_utc,
)

# Making moments


def to_timestamp(seconds: float) -> datetime:
    """So many seconds after 1970."""
    if seconds != seconds:
        raise SqlError("timestamp cannot be NaN", "22008")
    if math.isinf(seconds):
        raise out_of_range("timestamp", str(seconds))
    try:
        return UNIX_EPOCH + timedelta(microseconds=round(Decimal(seconds) * 1_000_000))
    except OverflowError:
        raise out_of_range("timestamp", str(seconds)) from None


def make_timestamp(
    year: int, month: int, day: int, hour: int, minute: int, seconds: float
) -> datetime | None:
    """NULL for what is no date or time; raises SqlError for a year beyond 1 to 9999."""
    whole = int(seconds) if 0 < seconds < 60 else 0
    fraction = int((seconds - whole) * 1_000_000) if 0 < seconds < 60 else 0
    if not (0 <= hour < 24 and 0 <= minute < 60) or seconds >= 60:
        return None
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    if not 1 <= year <= 9999:
        raise out_of_range("timestamp")
    if day > monthrange(year, month)[1]:
        return None
    return datetime(year, month, day, hour, minute, whole, fraction)


define("to_timestamp", (FLOAT8,), TIMESTAMPTZ, to_timestamp, can_fail=True)
define(
    "make_timestamp",
    (INT8,) * 5 + (FLOAT8,),
    TIMESTAMP,
    make_timestamp,
    gives_null=True,
    can_fail=True,
)

# Time zones


def fixed_zone(offset: Interval) -> tzinfo:
    """A zone that is always the interval ahead of UTC."""
    seconds, rest = divmod(offset.microseconds, 1_000_000)
    if offset.months or offset.days or rest or abs(seconds) >= 16 * 3600:
        raise SqlError(
            f'interval time zone "{INTERVAL.to_text(offset)}" must be less than 16 hours, '
            "and of whole seconds",
            "22023",
        )
    return timezone(timedelta(seconds=seconds))


def _define_zones(name: str, type_: SqlType, zone: Callable[[Any], tzinfo]) -> None:
    def to_moment(name: Any, local: datetime) -> datetime:
        return to_utc(local, zone(name))

    def to_zoned(name: Any, moment: datetime) -> datetime:
        return to_local(moment, zone(name))

    define(name, (type_, TIMESTAMP), TIMESTAMPTZ, to_moment, can_fail=True)
    define(name, (type_, TIMESTAMPTZ), TIMESTAMP, to_zoned, can_fail=True)


# An offset is east of UTC for AT TIME ZONE, as in ISO 8601, and west for timezone(), as in POSIX.
_define_zones("at_time_zone", TEXT, time_zone)
_define_zones("timezone", TEXT, posix_time_zone)
for _name in ("at_time_zone", "timezone"):
    _define_zones(_name, INTERVAL, fixed_zone)
