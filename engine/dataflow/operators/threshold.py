"""The rows of positive weight: `O = {row: w for row, w in A if w > 0}`.

The difference of two inputs through it is EXCEPT ALL: no row is there less than 0 times.
"""

from __future__ import annotations

from engine.dataflow.operators.of_weight import OfWeight


class Threshold(OfWeight):
    @staticmethod
    def output_weight(weight: int) -> int:
        return max(weight, 0)
