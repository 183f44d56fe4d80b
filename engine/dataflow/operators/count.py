"""GROUP BY with only count(*): `O = {key + (n,): 1 for each key, n the weight of its rows in A}`.

It is what `Reduce` does for any aggregates. Here a group is a number, so that a changed group costs
a fraction of it, and several steps of one time are summed before any group is looked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.dataflow.operators.sliced import SLICE
from engine.zset import Bag, Row, ZSet, add


class Count(Operator):
    """`key` computes a row's group, the first columns of the output; None: the row itself."""

    takes_bags = True

    def __init__(self, key: Callable[[Row], Row] | None) -> None:
        self._key = key
        self._rows: dict[Row, Row] = {}
        """The row that was output for each group; its last value is the count."""
        self._waiting: Counter[Row] = Counter()
        """The changes of the groups' counts, some of them 0, that are not in the output yet."""

    @property
    def name(self) -> str:
        return "Reduce"

    @property
    def has_more(self) -> bool:
        return bool(self._waiting) and not self.is_deferred

    @property
    def rows_kept(self) -> int:
        return len(self._rows) + len(self._waiting)

    def step(self, time: int, changes: Sequence[ZSet | Bag], errors: ErrorChange) -> ZSet:
        self._add(changes[0])
        if self.is_deferred:
            return {}
        waiting, self._waiting = self._waiting, Counter()
        if len(waiting) <= SLICE:
            return self._difference(waiting)
        rows = iter(waiting.items())
        first = dict(islice(rows, SLICE))
        self._waiting = Counter(dict(rows))
        return self._difference(first)

    def _add(self, change: ZSet | Bag) -> None:
        waiting, key_of = self._waiting, self._key
        if isinstance(change, Bag):
            waiting.update(change.rows if key_of is None else map(key_of, change.rows))
        elif key_of is None:
            add(waiting, change)
        else:
            for row, weight in change.items():
                waiting[key_of(row)] += weight

    def _difference(self, change: ZSet) -> ZSet:
        """The change of the groups' rows; a group without rows is dropped."""
        output: ZSet = {}
        rows = self._rows
        known = rows.get
        for key, weight in change.items():
            old = known(key)
            if old is None:
                count = weight
            elif weight:
                output[old] = -1
                count = old[-1] + weight
            else:
                continue
            if count:
                rows[key] = new = (*key, count)
                output[new] = 1
            elif old is not None:
                del rows[key]
        return output
