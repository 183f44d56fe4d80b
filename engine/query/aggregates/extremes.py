"""min and max: the group's values are kept in order, so that the next is at hand when one goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.dataflow.operators.reduce import Aggregate
from engine.dataflow.ranking import Ranking
from engine.zset import Value


class First(Aggregate):
    """The first value, NULLs apart, in the order of `key`, which differs where values differ."""

    def __init__(self, key: Callable[[Value], Any]) -> None:
        self._key = key

    def start(self) -> Ranking:
        return Ranking(self._key)

    def update(self, state: Ranking, value: Value, weight: int) -> Ranking:
        if value is not None:
            state.add(value, weight)
        return state

    def result(self, state: Ranking) -> Value:
        first = state.first(1)
        return first[0][0] if first else None

    def size(self, state: Ranking) -> int:
        return state.size
