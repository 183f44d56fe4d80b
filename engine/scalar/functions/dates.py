"""Arithmetic on dates, times and intervals, and time zones."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from engine.scalar.registry import define
from engine.types import (
    DATE,
    INT4,
    INTERVAL,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Interval,
)
from engine.types.interval import DAY
from engine.types.temporal import (
    out_of_range,
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

# Ages


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
