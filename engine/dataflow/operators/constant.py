"""Constant rows: `dO = rows` in the first step, and nothing later."""

from __future__ import annotations

from collections.abc import Sequence

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.zset import ZSet


class Constant(Operator):
    def __init__(self, rows: ZSet) -> None:
        self._rows = rows

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        rows, self._rows = self._rows, {}
        return rows
