"""Arithmetic on intervals."""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.scalar.functions.arithmetic import division_by_zero, quotient
from engine.scalar.registry import define
from engine.types import (
    FLOAT8,
    INTERVAL,
    Interval,
)
from engine.types.interval import DAY, interval_out_of_range

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
