"""The rows of positive weight: `O = {row: w for row, w in A if w > 0}`.

The difference of two inputs through it is EXCEPT ALL: no row is there less than 0 times.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.zset import ZSet


class Threshold(Operator):
    def __init__(self) -> None:
        self._weights: ZSet = {}

    @property
    def rows_kept(self) -> int:
        return len(self._weights)

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        output: ZSet = {}
        weights = self._weights
        for row, weight in changes[0].items():
            before = weights.get(row, 0)
            after = before + weight
            if after:
                weights[row] = after
            else:
                del weights[row]
            diff = max(after, 0) - max(before, 0)
            if diff:
                output[row] = diff
        return output
