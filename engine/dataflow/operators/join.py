"""Inner join on equal keys: `dO = dA * B' + A * dB`.

`*` pairs the rows whose keys are equal, and multiplies their weights. Both inputs are indexed by
key, so a changed row costs as many pairs as it has partners. An empty key makes it a cross join.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from engine.dataflow.index import Index, KeyFunction
from engine.dataflow.operators.sliced import SLICE, Sliced
from engine.zset import Row, ZSet, add_row


class Join(Sliced):
    """`left_key` and `right_key` compute a row's key, or None for a row that has no partner.

    A pair becomes `combine(left row, right row)`.
    """

    def __init__(
        self,
        left_key: KeyFunction,
        right_key: KeyFunction,
        combine: Callable[[Row, Row], Row],
    ) -> None:
        super().__init__()
        self._left = Index(left_key)
        self._right = Index(right_key)
        self._combine = combine

    @property
    def rows_kept(self) -> int:
        return self._left.rows_kept + self._right.rows_kept

    def run(self, changes: Sequence[ZSet]) -> Iterator[None]:
        left_change, right_change = changes
        yield from self._pairs(self._right, right_change, self._left)
        self._right.update(right_change)
        yield from self._pairs(self._left, left_change, self._right)
        self._left.update(left_change)

    def _pairs(self, own: Index, change: ZSet, other: Index) -> Iterator[None]:
        """Output the pairs of the changed rows and the other side's rows."""
        room = SLICE
        for key, row, weight in own.keyed(change):
            partners = other.rows(key)
            if len(partners) > room:
                yield
                room = SLICE
            if len(partners) <= room:
                self._add(own, row, weight, partners.items())
                room -= len(partners)
                continue
            remaining = iter(partners.items())
            while part := list(islice(remaining, SLICE)):
                self._add(own, row, weight, part)
                yield

    def _add(self, own: Index, row: Row, weight: int, partners: Iterable[tuple[Row, int]]) -> None:
        output, combine = self.output, self._combine
        if own is self._left:
            for partner, count in partners:
                add_row(output, combine(row, partner), weight * count)
        else:
            for partner, count in partners:
                add_row(output, combine(partner, row), weight * count)


def concatenate(left: Row, right: Row) -> Row:
    return left + right
