"""sum, avg, variance and stddev of numbers; each is NULL where there are too few values."""

from __future__ import annotations

import math

from engine.dataflow.operators.reduce import Aggregate
from engine.query.aggregates.totals import Scale, Totals, out_of_range
from engine.zset import Value


class SumToInt8(Aggregate):
    """sum of int2 or int4; the state is [how many, total]."""

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
    """What is computed from `Totals` in units of a scale."""

    least = 1
    """With fewer values the result is NULL."""

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
