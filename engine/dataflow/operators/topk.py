"""The first rows of each group: ORDER BY .. LIMIT n OFFSET m, DISTINCT ON, top-k per group.

`O = for each group of A: the copies of rows numbered m to m + n - 1 in the order of their keys`.
The keys are a total order, so ties are resolved in the same way every time. A changed row costs a
binary search; a group whose first m + n rows may have changed costs these rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.dataflow.operators.sliced import SLICE
from engine.dataflow.ranking import Ranking
from engine.zset import Row, ZSet


class TopK(Operator):
    """`group` computes a row's group (None: there is one group), `order` its sort key.

    Different rows must have different sort keys.
    """

    def __init__(
        self,
        group: Callable[[Row], Hashable] | None,
        order: Callable[[Row], Any],
        *,
        limit: int,
        offset: int = 0,
    ) -> None:
        self._group = group
        self._order = order
        self._limit = limit
        self._offset = offset
        self._rankings: dict[Hashable, Ranking] = {}
        self._rows_kept = 0
        self._before: dict[Hashable, list[tuple[Row, int]]] = {}
        """The windows, as they were output last, of the groups that have changed since."""

    @property
    def rows_kept(self) -> int:
        return self._rows_kept

    @property
    def has_more(self) -> bool:
        return bool(self._before) and not self.is_deferred

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        rankings = self._rankings
        for group, change in self._by_group(changes[0]).items():
            ranking = rankings.get(group)
            if ranking is None:
                ranking = rankings[group] = Ranking(self._order)
            if group not in self._before:
                self._before[group] = self._window(ranking)
            self._rows_kept -= ranking.size
            ranking.update(change)
            self._rows_kept += ranking.size
        return {} if self.is_deferred else self._difference()

    def _difference(self) -> ZSet:
        """The change of the groups' windows, of about a slice of rows."""
        output: ZSet = {}
        while self._before and len(output) < SLICE:
            group, old = self._before.popitem()
            ranking = self._rankings[group]
            new = self._window(ranking)
            if new != old:
                _add_difference(output, old, new)
            if not ranking.size:
                del self._rankings[group]
        return output

    def _by_group(self, change: ZSet) -> dict[Hashable, ZSet]:
        if self._group is None:
            return {(): change}
        groups: dict[Hashable, ZSet] = {}
        for row, weight in change.items():
            groups.setdefault(self._group(row), {})[row] = weight
        return groups

    def _window(self, ranking: Ranking) -> list[tuple[Row, int]]:
        rows = ranking.first(self._offset + self._limit)
        return _skip(rows, self._offset) if self._offset else rows


def _skip(rows: list[tuple[Row, int]], count: int) -> list[tuple[Row, int]]:
    kept = []
    for row, weight in rows:
        if weight > count:
            kept.append((row, weight - count))
        count = max(count - weight, 0)
    return kept


def _add_difference(output: ZSet, old: list[tuple[Row, int]], new: list[tuple[Row, int]]) -> None:
    """Add the difference of two windows; a row of one group is in no other group's window."""
    gone = dict(old)
    for row, weight in new:
        diff = weight - gone.pop(row, 0)
        if diff:
            output[row] = diff
    for row, weight in gone.items():
        output[row] = -weight
