"""GROUP BY with only count(*): `O = {key + (n,): 1 for each key, n the weight of its rows in A}`.

It is what `Reduce` does for any aggregates. Here a group is a number, so that a changed group costs
a fraction of it, and several steps of one time are summed before any group is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.dataflow.operators.sliced import SLICE
from engine.zset import Row, ZSet, add


class Count(Operator):
    """`key` computes a row's group, the first columns of the output; None: the row itself."""

    def __init__(self, key: Callable[[Row], Row] | None) -> None:
        self._key = key
        self._counts: ZSet = {}
        self._waiting: ZSet = {}
        """The changes of the groups' counts that are not in the output yet."""

    @property
    def name(self) -> str:
        return "Reduce"

    @property
    def has_more(self) -> bool:
        return bool(self._waiting) and not self.is_deferred

    @property
    def rows_kept(self) -> int:
        return len(self._counts) + len(self._waiting)

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        change = changes[0] if self._key is None else self._by_key(changes[0], self._key)
        if self._waiting or self.is_deferred:
            add(self._waiting, change)
            if self.is_deferred:
                return {}
            change, self._waiting = self._waiting, {}
        if len(change) > SLICE:
            rows = iter(change.items())
            change, self._waiting = dict(islice(rows, SLICE)), dict(rows)
        return self._difference(change)

    @staticmethod
    def _by_key(change: ZSet, key_of: Callable[[Row], Row]) -> ZSet:
        keys: ZSet = {}
        get = keys.get
        for row, weight in change.items():
            key = key_of(row)
            keys[key] = get(key, 0) + weight
        if 0 in keys.values():
            return {key: weight for key, weight in keys.items() if weight}
        return keys

    def _difference(self, change: ZSet) -> ZSet:
        """The change of the groups' rows; a group without rows is dropped."""
        output: ZSet = {}
        counts = self._counts
        get = counts.get
        for key, weight in change.items():
            old = get(key)
            if old is None:
                counts[key] = weight
                output[*key, weight] = 1
            else:
                output[*key, old] = -1
                if new := old + weight:
                    counts[key] = new
                    output[*key, new] = 1
                else:
                    del counts[key]
        return output
