"""count(x)."""

from __future__ import annotations

from engine.dataflow.operators.reduce import CountRows
from engine.zset import Value


class Count(CountRows):
    """The rows where x is not NULL."""

    def update(self, state: int, value: Value, weight: int) -> int:
        return state if value is None else state + weight
