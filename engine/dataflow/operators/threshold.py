"""The rows of positive weight: `O = {row: w for row, w in A if w > 0}`.

Applied to the difference of two inputs it is EXCEPT ALL.
"""

from __future__ import annotations

from engine.dataflow.operators.of_weight import OfWeight


class Threshold(OfWeight):
    @staticmethod
    def output_weight(weight: int) -> int:
        return max(weight, 0)
