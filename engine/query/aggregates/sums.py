"""sum, avg, variance and stddev of numbers and intervals; NULL for too few values."""

from __future__ import annotations

import math

from engine.dataflow.operators.reduce import Aggregate
from engine.query.aggregates.totals import Scale, Totals, out_of_range
from engine.types import Interval
from engine.types.interval import DAY
from engine.zset import Value


class SumToInt8(Aggregate):
    """sum of int2 or int4. The state is [number of values, total]."""

    def start(self) -> list[int]:
        return [0, 0]

    def update(self, state: list[int], value: Value, weight: int) -> list[int]:
        if value is not None:
            state[0] += weight
            state[1] += value * weight
        return state

    def result(self, state: list[int]) -> Value:
        count, total = state
        if not count:
            return None
        if not -(1 << 63) <= total < 1 << 63:
            raise out_of_range("bigint")
        return total


class _OfTotals(Aggregate):
    """An aggregate that is computed from `Totals` in units of a scale."""

    least = 1
    """The result of fewer values is NULL."""

    squares = False

    def __init__(self, scale: Scale) -> None:
        self._scale = scale

    def start(self) -> Totals:
        return Totals()

    def update(self, state: Totals, value: Value, weight: int) -> Totals:
        if value is not None:
            state.add(value, weight, self._scale, squares=self.squares)
        return state

    def result(self, state: Totals) -> Value:
        if state.count < self.least:
            return None
        special = state.special
        if special is not None:
            return self._scale.special(math.nan if self.squares else special)
        return self.finite(state)

    def finite(self, state: Totals) -> Value:
        raise NotImplementedError


class Sum(_OfTotals):
    def finite(self, state: Totals) -> Value:
        return self._scale.value(state.sum, 1, 1, root=False)


class Average(_OfTotals):
    def finite(self, state: Totals) -> Value:
        return self._scale.value(state.sum, state.count, 1, root=False)


class Variance(_OfTotals):
    """(n Q - S^2) / (n (n - 1)), exactly, from the sum S and the sum of squares Q.

    `population` divides by n^2 instead; `root` gives the standard deviation.
    """

    squares = True

    def __init__(self, scale: Scale, *, population: bool, root: bool) -> None:
        super().__init__(scale)
        self.least = 1 if population else 2
        self._population = population
        self._root = root

    def finite(self, state: Totals) -> Value:
        count = state.count
        divisor = count * (count if self._population else count - 1)
        spread = count * state.squares - state.sum * state.sum
        return self._scale.value(spread, divisor, 2, root=self._root)


class SumIntervals(Aggregate):
    """Adds months, days and microseconds separately.

    The state is [number of values, months, days, microseconds].
    """

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
    """Carries remainders down: a fraction of a month becomes days (30 each), of a day time."""

    def result(self, state: list[int]) -> Value:
        count, months, days, microseconds = state
        if not count:
            return None
        months_each, months_left = _divide(months, count)
        days_each, days_left = _divide(days + months_left * 30, count)
        time_each = round((microseconds + days_left * DAY) / count)
        return Interval(months_each, days_each, time_each)


def _divide(number: int, divisor: int) -> tuple[int, int]:
    """Quotient and remainder of a division that rounds towards zero."""
    quotient = abs(number) // divisor
    quotient = quotient if number >= 0 else -quotient
    return quotient, number - quotient * divisor
