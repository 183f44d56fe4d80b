"""Map, filter and flat map: `dO = f(dA)` for a linear f, which needs no state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.dataflow.dataflow import ErrorChange, Operator, add_errors
from engine.zset import Bag, Change, ZSet

BatchFunction = Callable[[Change], tuple[ZSet | Bag, ErrorChange]]
"""Maps each row to rows of the same weight; rows that cannot be evaluated go to the errors."""


class Compute(Operator):
    is_linear = True
    takes_columns = True

    def __init__(self, function: BatchFunction) -> None:
        self._function = function

    @property
    def name(self) -> str:
        return "Map/Filter"

    def step(self, time: int, changes: Sequence[Change], errors: ErrorChange) -> ZSet | Bag:
        output, failed = self._function(changes[0])
        if failed:
            add_errors(errors, failed)
        return output
