"""bool_and (every) and bool_or; NULL where there is no value."""

from __future__ import annotations

from engine.dataflow.operators.reduce import Aggregate
from engine.zset import Value


class _CountsOfBooleans(Aggregate):
    """The state is [how many false, how many true]."""

    def start(self) -> list[int]:
        return [0, 0]

    def update(self, state: list[int], value: Value, weight: int) -> list[int]:
        if value is not None:
            state[value] += weight
        return state


class BoolAnd(_CountsOfBooleans):
    def result(self, state: list[int]) -> Value:
        return not state[0] if any(state) else None


class BoolOr(_CountsOfBooleans):
    def result(self, state: list[int]) -> Value:
        return state[1] > 0 if any(state) else None
