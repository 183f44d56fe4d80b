"""The base of operators whose output weights are a function of the input weights."""

from __future__ import annotations

from collections.abc import Sequence

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.zset import ZSet


class OfWeight(Operator):
    """`O = {row: f(w) for row, w in A}`; only rows whose f(w) changes are in a change."""

    def __init__(self) -> None:
        self._weights: ZSet = {}

    @staticmethod
    def output_weight(weight: int) -> int:
        """f: the weight in the output of a row that has this weight in the input."""
        raise NotImplementedError

    @property
    def rows_kept(self) -> int:
        return len(self._weights)

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        output: ZSet = {}
        weights, output_weight = self._weights, self.output_weight
        for row, weight in changes[0].items():
            before = weights.get(row, 0)
            after = before + weight
            if after:
                weights[row] = after
            else:
                del weights[row]
            diff = output_weight(after) - output_weight(before)
            if diff:
                output[row] = diff
        return output
