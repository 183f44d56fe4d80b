"""date_trunc and date_bin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from engine.errors import SqlError
from engine.scalar.functions.dates import MICROSECOND, MOMENTS, microseconds
from engine.scalar.functions.fields import field_name, remaining, unknown_field
from engine.scalar.registry import VARYING, define
from engine.types import (
    INTERVAL,
    TEXT,
    TIMESTAMP,
    Interval,
)
from engine.types.interval import DAY
from engine.types.temporal import UNIX_EPOCH, out_of_range

# date_trunc

_SUBDAY = {
    "microseconds": 1,
    "milliseconds": 1000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": DAY,
}
_YEARS = {"year": 1, "decade": 10, "century": 100, "millennium": 1000}
_MONTHS = {"month": 1, "year": 12, "decade": 120, "century": 1200, "millennium": 12_000}
_MONTHS_OF_YEAR = {"month": 1, "quarter": 3}


def truncate(name: str, moment: datetime) -> datetime:
    """The beginning of the hour, week, quarter .. that the moment lies in."""
    unit = field_name(name)
    if unit in _SUBDAY:
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        since = microseconds(moment - midnight)
        return midnight + timedelta(microseconds=since - since % _SUBDAY[unit])
    midnight = datetime.combine(moment.date(), time())
    if unit == "week":
        return _back(midnight, midnight.weekday())
    if unit in _MONTHS_OF_YEAR:
        months = _MONTHS_OF_YEAR[unit]
        return midnight.replace(month=(moment.month - 1) // months * months + 1, day=1)
    if unit in _YEARS:
        years = _YEARS[unit]
        first = 1 if unit in ("century", "millennium") else 0
        year = (moment.year - first) // years * years + first
        return midnight.replace(year=max(year, 1), month=1, day=1)
    raise unknown_field(name, TIMESTAMP)


def _back(midnight: datetime, days: int) -> datetime:
    try:
        return midnight - timedelta(days=days)
    except OverflowError:
        raise out_of_range("timestamp") from None


def truncate_interval(name: str, interval: Interval) -> Interval:
    unit = field_name(name)
    if unit == "day":
        return Interval(interval.months, interval.days)
    if unit in _SUBDAY:
        rest = interval.microseconds
        kept = rest - remaining(rest, _SUBDAY[unit])
        return Interval(interval.months, interval.days, kept)
    if unit in _MONTHS:
        return Interval(interval.months - remaining(interval.months, _MONTHS[unit]))
    raise unknown_field(name, INTERVAL)


_ZEROED: dict[str, dict[str, Any]] = {
    "second": {"microsecond": 0},
    "minute": {"second": 0, "microsecond": 0},
    "hour": {"minute": 0, "second": 0, "microsecond": 0},
    "day": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "month": {"day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
}


def truncate_to_constant(name: Any, moment: Any) -> Callable[[datetime], datetime] | None:
    """date_trunc to a unit that is known when the query is compiled."""
    zeroed = None if name is VARYING else _ZEROED.get(field_name(name))
    return None if zeroed is None else lambda moment: moment.replace(**zeroed)


for _type in MOMENTS:
    define(
        "date_trunc",
        (TEXT, _type),
        _type,
        truncate,
        can_fail=True,
        specialise=truncate_to_constant,
    )
define("date_trunc", (TEXT, INTERVAL), INTERVAL, truncate_interval, can_fail=True)


def date_bin(stride: Interval, moment: datetime, origin: datetime = UNIX_EPOCH) -> datetime:
    """The beginning of the stride, counted from `origin`, that the moment lies in."""
    if stride.months:
        raise SqlError(
            "timestamps cannot be binned into intervals containing months or years", "0A000"
        )
    if stride.length <= 0:
        raise SqlError("stride must be greater than zero", "22008")
    surplus = microseconds(moment - origin) % stride.length
    try:
        return moment - surplus * MICROSECOND
    except OverflowError:
        raise out_of_range("timestamp") from None


for _type in MOMENTS:
    define("date_bin", (INTERVAL, _type), _type, date_bin, can_fail=True)
    define("date_bin", (INTERVAL, _type, _type), _type, date_bin, can_fail=True)
