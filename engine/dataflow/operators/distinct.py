"""Each row at most once: `O = {row: 1 for row in A if A[row] > 0}`.

A row's output changes only where its weight passes from at most 0 to above, or back.
"""

from __future__ import annotations

from engine.dataflow.operators.of_weight import OfWeight


class Distinct(OfWeight):
    @staticmethod
    def output_weight(weight: int) -> int:
        return 1 if weight > 0 else 0
