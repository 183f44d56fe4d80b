"""Inner join on equal keys: `dO = dA * B' + A * dB`.

`*` pairs the rows whose keys are equal, and multiplies their weights. Both inputs are indexed by
key, so a changed row costs as many pairs as it has partners. An empty key makes it a cross join.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.dataflow.index import Index, KeyFunction
from engine.zset import Row, ZSet, add_row


class Join(Operator):
    """`left_key` and `right_key` compute a row's key, or None for a row that has no partner.

    A pair becomes `combine(left row, right row)`.
    """

    def __init__(
        self,
        left_key: KeyFunction,
        right_key: KeyFunction,
        combine: Callable[[Row, Row], Row],
    ) -> None:
        self._left = Index(left_key)
        self._right = Index(right_key)
        self._combine = combine

    @property
    def rows_kept(self) -> int:
        return self._left.rows_kept + self._right.rows_kept

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        left_change, right_change = changes
        output: ZSet = {}
        combine = self._combine
        for key, right, weight in self._right.keyed(right_change):
            for left, count in self._left.rows(key).items():
                add_row(output, combine(left, right), weight * count)
        self._right.update(right_change)
        for key, left, weight in self._left.keyed(left_change):
            for right, count in self._right.rows(key).items():
                add_row(output, combine(left, right), weight * count)
        self._left.update(left_change)
        return output


def concatenate(left: Row, right: Row) -> Row:
    return left + right
