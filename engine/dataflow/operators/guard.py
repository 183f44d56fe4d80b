"""Rows without those for which a test returns an error text: `dO = filter(dA)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.dataflow.dataflow import ErrorChange, Operator, add_errors
from engine.zset import Row, ZSet


class Guard(Operator):
    def __init__(self, problem: Callable[[Row], str | None]) -> None:
        self._problem = problem

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        output: ZSet = {}
        for row, weight in changes[0].items():
            problem = self._problem(row)
            if problem is None:
                output[row] = weight
            else:
                add_errors(errors, {problem: weight})
        return output
