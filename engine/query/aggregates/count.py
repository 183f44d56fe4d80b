"""count(*) and count(x)."""

from __future__ import annotations

from engine.dataflow.operators.reduce import Aggregate
from engine.zset import Value


class CountRows(Aggregate):
    """count(*): the state is the count."""

    def start(self) -> int:
        return 0

    def update(self, state: int, value: Value, weight: int) -> int:
        return state + weight

    def result(self, state: int) -> int:
        return state


class Count(CountRows):
    """count(x): of the rows where x is not NULL."""

    def update(self, state: int, value: Value, weight: int) -> int:
        return state if value is None else state + weight
