"""aggregate(DISTINCT x): each value goes into the aggregate once, when its first copy comes."""

from __future__ import annotations

from typing import Any

from engine.dataflow.operators.reduce import Aggregate
from engine.zset import Value


class Distinct(Aggregate):
    """The state is [the inner aggregate's state, value -> how often it is there]."""

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
