"""count, bool_and, bool_or, and DISTINCT: aggregates that keep counts of values."""

from __future__ import annotations

from typing import Any

from engine.dataflow.operators.reduce import Aggregate, CountRows
from engine.zset import Value


class Count(CountRows):
    """count(x): the number of rows whose x is not NULL."""

    def update(self, state: int, value: Value, weight: int) -> int:
        return state if value is None else state + weight


class _CountsOfBooleans(Aggregate):
    """The state is [number of false, number of true]; NULL without either."""

    def start(self) -> list[int]:
        return [0, 0]

    def update(self, state: list[int], value: Value, weight: int) -> list[int]:
        if value is not None:
            state[value] += weight
        return state


class BoolAnd(_CountsOfBooleans):
    """bool_and(x), also called every(x)."""

    def result(self, state: list[int]) -> Value:
        return not state[0] if any(state) else None


class BoolOr(_CountsOfBooleans):
    """bool_or(x)."""

    def result(self, state: list[int]) -> Value:
        return state[1] > 0 if any(state) else None


class Distinct(Aggregate):
    """aggregate(DISTINCT x): passes each different value to the inner aggregate once.

    The state is [the inner aggregate's state, value -> number of rows].
    """

    def __init__(self, inner: Aggregate) -> None:
        self._inner = inner

    def start(self) -> list[Any]:
        return [self._inner.start(), {}]

    def update(self, state: list[Any], value: Value, weight: int) -> list[Any]:
        counts: dict[Value, int] = state[1]
        before = counts.get(value, 0)
        after = before + weight
        if after:
            counts[value] = after
        else:
            del counts[value]
        if (before > 0) != (after > 0):
            state[0] = self._inner.update(state[0], value, 1 if after > 0 else -1)
        return state

    def result(self, state: list[Any]) -> Value:
        return self._inner.result(state[0])

    def size(self, state: list[Any]) -> int:
        return len(state[1])
