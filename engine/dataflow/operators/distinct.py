"""Each row at most once: `O = {row: 1 for row in A if A[row] > 0}`.

The output of a row changes only when its weight becomes positive, or stops being it.
"""

from __future__ import annotations

from engine.dataflow.operators.of_weight import OfWeight


class Distinct(OfWeight):
    @staticmethod
    def output_weight(weight: int) -> int:
        return 1 if weight > 0 else 0
