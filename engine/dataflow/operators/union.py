"""UNION ALL: `dO = dA + dB + ..`."""

from __future__ import annotations

from collections.abc import Sequence

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.zset import ZSet, add


class Union(Operator):
    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        present = [change for change in changes if change]
        if len(present) == 1:
            return present[0]
        output: ZSet = {}
        for change in present:
            add(output, change)
        return output
