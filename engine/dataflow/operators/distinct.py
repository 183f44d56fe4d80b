"""Each row at most once: `O = {row: 1 for row in A if A[row] > 0}`.

A row's output changes only where its weight passes from at most 0 to above, or back.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.zset import ZSet


class Distinct(Operator):
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
            if (before > 0) != (after > 0):
                output[row] = 1 if after > 0 else -1
        return output
