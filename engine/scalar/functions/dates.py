"""Arithmetic on dates, times and intervals, and time zones."""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

from engine.errors import SqlError
from engine.scalar.functions.arithmetic import division_by_zero, quotient
from engine.scalar.registry import define
from engine.types import (
    DATE,
    FLOAT8,
    INT4,
    INT8,
    INTERVAL,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Interval,
    SqlType,
)
from engine.types.interval import DAY, interval_out_of_range
from engine.types.temporal import (
    UNIX_EPOCH,
    out_of_range,
    posix_time_zone,
    time_zone,
    to_local,
    to_utc,
)

MICROSECOND = timedelta(microseconds=1)
MOMENTS = (TIMESTAMP, TIMESTAMPTZ)


def microseconds(duration: timedelta) -> int:
    return duration // MICROSECOND


# Moments and intervals


def add_months(moment: datetime, months: int) -> datetime:
    """So many months later, on the last day of a month that is too short."""
    years, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= years <= 9999:
        raise out_of_range("timestamp")
    day = min(moment.day, monthrange(years, month + 1)[1])
    return moment.replace(year=years, month=month + 1, day=day)


def add_interval(moment: datetime, interval: Interval) -> datetime:
    """First the months, then the days, then the rest."""
    try:
        if interval.months:
            moment = add_months(moment, interval.months)
        return moment + timedelta(days=interval.days, microseconds=interval.microseconds)
    except OverflowError:
        raise out_of_range("timestamp") from None


def subtract_interval(moment: datetime, interval: Interval) -> datetime:
    return add_interval(moment, -interval)


def difference(later: datetime, earlier: datetime) -> Interval:
    """Hours, minutes and seconds only, however many, as in Materialize."""
    return Interval(microseconds=microseconds(later - earlier))


def date_and_interval(
    operate: Callable[[datetime, Interval], datetime],
) -> Callable[[date, Interval], datetime]:
    return lambda day, interval: operate(datetime.combine(day, time()), interval)


for _type in MOMENTS:
    define("+", (_type, INTERVAL), _type, add_interval, can_fail=True)
    define("+", (INTERVAL, _type), _type, lambda i, m: add_interval(m, i), can_fail=True)
    define("-", (_type, INTERVAL), _type, subtract_interval, can_fail=True)
    define("-", (_type, _type), INTERVAL, difference)
define("+", (DATE, INTERVAL), TIMESTAMP, date_and_interval(add_interval), can_fail=True)
define("-", (DATE, INTERVAL), TIMESTAMP, date_and_interval(subtract_interval), can_fail=True)
define(
    "+",
    (INTERVAL, DATE),
    TIMESTAMP,
    lambda interval, day: add_interval(datetime.combine(day, time()), interval),
    can_fail=True,
)
define("+", (DATE, TIME), TIMESTAMP, datetime.combine)
define("-", (DATE, DATE), INT4, template="({0} - {1}).days")

# Times of day


def since_midnight(value: time) -> int:
    """In microseconds."""
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 1_000_000 + value.microsecond


def time_of_day(count: int) -> time:
    """The time so many microseconds after midnight, going round the clock."""
    return (datetime.min + timedelta(microseconds=count % DAY)).time()


define("+", (TIME, INTERVAL), TIME, lambda t, i: time_of_day(since_midnight(t) + i.microseconds))
define("+", (INTERVAL, TIME), TIME, lambda i, t: time_of_day(since_midnight(t) + i.microseconds))
define("-", (TIME, INTERVAL), TIME, lambda t, i: time_of_day(since_midnight(t) - i.microseconds))


def time_difference(later: time, earlier: time) -> Interval:
    return Interval(microseconds=since_midnight(later) - since_midnight(earlier))


define("-", (TIME, TIME), INTERVAL, time_difference)

# Intervals

define("+", (INTERVAL, INTERVAL), INTERVAL, template="{0} + {1}", can_fail=True)
define("-", (INTERVAL, INTERVAL), INTERVAL, template="{0} - {1}", can_fail=True)
define("-", (INTERVAL,), INTERVAL, template="-{0}", can_fail=True)


def scale(interval: Interval, factor: float) -> Interval:
    return _each_part(interval, lambda part: part * factor)


def divide(interval: Interval, divisor: float) -> Interval:
    if not divisor:
        raise division_by_zero()
    return _each_part(interval, lambda part: part / divisor)


def _each_part(interval: Interval, operate: Callable[[int], float]) -> Interval:
    """Fractions of months become days, and fractions of days microseconds."""
    try:
        months = operate(interval.months)
        days = operate(interval.days) + math.fmod(months, 1) * 30
        rest = operate(interval.microseconds) + math.fmod(days, 1) * 24 * 60 * 60 * 1000 * 1000
        return Interval(int(months), int(days), int(rest))
    except (ValueError, OverflowError):
        raise interval_out_of_range() from None


define("*", (INTERVAL, FLOAT8), INTERVAL, scale, can_fail=True)
define("*", (FLOAT8, INTERVAL), INTERVAL, lambda f, i: scale(i, f), can_fail=True)
define("/", (INTERVAL, FLOAT8), INTERVAL, divide, can_fail=True)


def _carried(large: int, small: int, size: int) -> tuple[int, int]:
    """`small` in units of which `size` are a large one: below `size`, and of the same sign."""
    whole = quotient(small, size)
    large, small = large + whole, small - whole * size
    if large > 0 > small:
        return large - 1, small + size
    if large < 0 < small:
        return large + 1, small - size
    return large, small


def justify_hours(interval: Interval) -> Interval:
    """Every 24 hours become a day."""
    days, rest = _carried(interval.days, interval.microseconds, DAY)
    return Interval(interval.months, days, rest)


def justify_days(interval: Interval) -> Interval:
    """Every 30 days become a month."""
    months, days = _carried(interval.months, interval.days, 30)
    return Interval(months, days, interval.microseconds)


def justify_interval(interval: Interval) -> Interval:
    """Both, and all parts of one sign."""
    months, rest = _carried(interval.months, interval.days * DAY + interval.microseconds, 30 * DAY)
    days = quotient(rest, DAY)
    return Interval(months, days, rest - days * DAY)


define("justify_hours", (INTERVAL,), INTERVAL, justify_hours, can_fail=True)
define("justify_days", (INTERVAL,), INTERVAL, justify_days, can_fail=True)
define("justify_interval", (INTERVAL,), INTERVAL, justify_interval, can_fail=True)


def age(later: datetime, earlier: datetime) -> Interval:
    """The difference in years, months, days and time, as a person would count it.

    Each field is subtracted for itself; what is below zero borrows of the next, days from the
    length of the earlier moment's month, as PostgreSQL does.
    """
    if later < earlier:
        return -age(earlier, later)
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    days = later.day - earlier.day
    rest = microseconds(_time_of_day(later) - _time_of_day(earlier))
    if rest < 0:
        rest += DAY
        days -= 1
    while days < 0:
        days += monthrange(earlier.year, earlier.month)[1]
        months -= 1
    return Interval(months, days, rest)


def _time_of_day(moment: datetime) -> timedelta:
    return moment - datetime.combine(moment, time.min)


for _type in MOMENTS:
    define("age", (_type, _type), INTERVAL, age)

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
