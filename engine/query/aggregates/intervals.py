"""sum and avg of intervals: months, days and microseconds each for itself."""

from __future__ import annotations

from engine.dataflow.operators.reduce import Aggregate
from engine.types import Interval
from engine.types.interval import DAY
from engine.zset import Value


class SumIntervals(Aggregate):
    """The state is [how many, months, days, microseconds]."""

    def start(self) -> list[int]:
        return [0, 0, 0, 0]

    def update(self, state: list[int], value: Value, weight: int) -> list[int]:
        if value is not None:
            state[0] += weight
            state[1] += value.months * weight
            state[2] += value.days * weight
            state[3] += value.microseconds * weight
        return state

    def result(self, state: list[int]) -> Value:
        return Interval(*state[1:]) if state[0] else None


class AverageIntervals(SumIntervals):
    """What does not divide goes down: a part of a month as days of 30 to it, of a day as time."""

    def result(self, state: list[int]) -> Value:
        count, months, days, microseconds = state
        if not count:
            return None
        months_each, months_left = _divide(months, count)
        days_each, days_left = _divide(days + months_left * 30, count)
        time_each = round((microseconds + days_left * DAY) / count)
        return Interval(months_each, days_each, time_each)


def _divide(number: int, divisor: int) -> tuple[int, int]:
    """Quotient and rest of a division that rounds towards zero."""
    quotient = abs(number) // divisor
    quotient = quotient if number >= 0 else -quotient
    return quotient, number - quotient * divisor
