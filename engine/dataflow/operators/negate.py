"""Negation, one half of every difference: `dO = -dA`."""

from __future__ import annotations

from collections.abc import Sequence

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.zset import ZSet, negate


class Negate(Operator):
    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        return negate(changes[0])
