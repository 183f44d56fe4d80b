"""sum and avg of numbers and intervals; each is NULL where there is no value."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, Overflow
from typing import Any

from engine.dataflow.operators.reduce import Aggregate
from engine.errors import SqlError
from engine.query.aggregates.totals import (
    FLOAT_SCALE_BITS,
    NUMERIC_DIGITS,
    Totals,
    numeric,
    scaled_float,
    scaled_int,
    scaled_numeric,
)
from engine.types import FLOAT4, FLOAT8, INT8, NUMERIC, SqlType
from engine.types.numbers import Float
from engine.zset import Value


def out_of_range(type_: SqlType) -> SqlError:
    return SqlError(f"{type_.sql_name} out of range", "22003")


class SumIntegers(Aggregate):
    """sum of integers; the state is [how many, total]. `result_type` is int8 or numeric."""

    def __init__(self, result_type: SqlType) -> None:
        self._result_type = result_type

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
        if self._result_type is NUMERIC:
            return Decimal(total)
        if not -(1 << 63) <= total < 1 << 63:
            raise out_of_range(INT8)
        return total


class _OverTotals(Aggregate):
    """What is computed from `Totals`; NULL where there is no value."""

    scaled: Callable[[Any], int]
    squares = False

    def start(self) -> Totals:
        return Totals()

    def update(self, state: Totals, value: Value, weight: int) -> Totals:
        if value is not None:
            state.add(value, weight, self.scaled, squares=self.squares)
        return state

    def result(self, state: Totals) -> Value:
        return self.finite(state) if state.count else None

    def finite(self, state: Totals) -> Value:
        raise NotImplementedError


class FloatResult(_OverTotals):
    """The frame of aggregates of floats: integers scaled by 2^1074, a float as result."""

    def __init__(self, type_: Float) -> None:
        self._type = type_

    scaled = staticmethod(scaled_float)

    def finite(self, state: Totals) -> Value:
        special = state.special
        if special is not None:
            return self._type.narrow(special)
        try:
            return self._type.narrow(self.value(state))
        except OverflowError:
            raise out_of_range(self._type) from None

    def value(self, state: Totals) -> float:
        raise NotImplementedError
