"""GROUP BY with only count(*): `O = {key + (n,): 1 for each key, n the weight of its rows in A}`.

It is what `Reduce` does for any aggregates. Here a group is a number, so that a changed group costs
a fraction of it, and several steps of one time are summed before any group is looked up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import islice
from typing import Any

from engine.dataflow.dataflow import ErrorChange, Operator
from engine.dataflow.operators.sliced import SLICE
from engine.zset import Bag, Change, Row, ZSet, add


class Count(Operator):
    """`key` computes a row's group, the first columns of the output; None: the row itself.

    With `is_column` the group is one column, and `key` computes its value: no row is made for it.
    """

    takes_bags = True

    def __init__(self, key: Callable[[Row], Hashable] | None, *, is_column: bool = False) -> None:
        assert key is not None or not is_column
        self._key = key
        self._is_column = is_column
        self._rows: dict[Hashable, Row] = {}
        """The row that was output for each group; its last value is the count."""
        self._waiting: Counter[Any] = Counter()
        """The changes of the groups' counts, some of them 0, that are not in the output yet."""
        self._bag_size = 0
        """How many groups the last bag has added to these: to count its rows would cost as much."""

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
        groups = iter(waiting.items())
        first = dict(islice(groups, SLICE))
        self._waiting = Counter(dict(groups))
        return self._difference(first)

    def size_of(self, change: Change) -> int:
        return self._bag_size if isinstance(change, Bag) else len(change)

    def _add(self, change: ZSet | Bag) -> None:
        waiting, key_of = self._waiting, self._key
        if isinstance(change, Bag):
            before = len(waiting)
            waiting.update(self._groups(change))
            self._bag_size = len(waiting) - before
        elif key_of is None:
            add(waiting, change)
        else:
            for row, weight in change.items():
                waiting[key_of(row)] += weight

    def _groups(self, bag: Bag) -> Iterable[Hashable]:
        """The group of each row."""
        if bag.is_column and self._is_column:
            return bag.entries  # a row's only column is the one that it is grouped by
        rows: Iterable[Any] = zip(bag.entries, strict=True) if bag.is_column else bag.entries
        return rows if self._key is None else map(self._key, rows)

    def _difference(self, change: dict[Any, int]) -> ZSet:
        """The change of the groups' rows; a group without rows is dropped."""
        output: ZSet = {}
        rows, is_column = self._rows, self._is_column
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
                rows[key] = new = (key, count) if is_column else (*key, count)
                output[new] = 1
            elif old is not None:
                del rows[key]
        return output
