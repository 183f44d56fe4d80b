"""Semi-join and anti-join: the left rows whose key is, or is not, among the right keys.

`O = {row: w for row, w in A if (B has row's key) is wanted}`. The left rows are indexed by key, the
right rows are only counted by key. A left row costs one look-up; a key that appears or disappears
on the right costs the left rows that have it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from engine.dataflow.index import Index, KeyFunction
from engine.dataflow.operators.sliced import SLICE, Sliced
from engine.zset import ZSet, add_row


class SemiJoin(Sliced):
    """The left rows with a partner, or with `anti` those without; a key None has no partner."""

    def __init__(self, left_key: KeyFunction, right_key: KeyFunction, *, anti: bool) -> None:
        super().__init__()
        self._left = Index(left_key)
        self._right_key = right_key
        self._right: dict[Hashable, int] = {}
        self._anti = anti

    @property
    def rows_kept(self) -> int:
        return self._left.rows_kept + len(self._right)

    def run(self, changes: Sequence[ZSet]) -> Iterator[None]:
        left_change, right_change = changes
        for key, present in self._flips(right_change).items():
            sign = 1 if present != self._anti else -1
            for row, weight in self._left.rows(key).items():
                # Not added: no row has two keys.
                self.output[row] = weight * sign
                if len(self.output) >= SLICE:
                    yield
        for row, weight in left_change.items():
            key = self._left.key(row)
            present = key is not None and self._right.get(key, 0) > 0
            if present != self._anti:
                add_row(self.output, row, weight)
        self._left.update(left_change)

    def _flips(self, right_change: ZSet) -> dict[Hashable, bool]:
        """Add the right side's change; returns which keys appeared (True) or disappeared."""
        before: dict[Hashable, int] = {}
        counts = self._right
        for row, weight in right_change.items():
            key = self._right_key(row)
            if key is None:
                continue
            count = counts.get(key, 0)
            before.setdefault(key, count)
            if count + weight:
                counts[key] = count + weight
            else:
                del counts[key]
        return {
            key: present
            for key, count in before.items()
            if (present := counts.get(key, 0) > 0) != (count > 0)
        }
