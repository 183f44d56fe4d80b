"""Aggregates that keep all values of a group: min, max, string_agg, array_agg, jsonb_agg.

min and max keep the values ranked, so that the next one is found when the first one is removed.
The others return all values in the order of `key`; a change costs as much as the group is large.
Without ORDER BY the values themselves are sorted, so that the result is always the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import chain, repeat
from typing import Any

from engine.dataflow.operators.reduce import Aggregate
from engine.dataflow.ranking import Ranking
from engine.errors import SqlError
from engine.scalar.functions.text import check_length
from engine.types import Jsonb
from engine.zset import Row, Value, ZSet, add_row

_FEW = 8
_SHARE = 64
"""If more rows than `_FEW` and one in `_SHARE` have changed, all are sorted again."""


class First(Aggregate):
    """min or max: the first value that is not NULL in the order of `key`.

    `key` must be different for different values.
    """

    def __init__(self, key: Callable[[Value], Any]) -> None:
        self._key = key

    def start(self) -> Ranking:
        return Ranking(self._key)

    def update(self, state: Ranking, value: Value, weight: int) -> Ranking:
        if value is not None:
            state.add(value, weight)
        return state

    def result(self, state: Ranking) -> Value:
        first = state.first(1)
        return first[0][0] if first else None

    def size(self, state: Ranking) -> int:
        return state.size


class Ordered:
    """A Z-set whose rows can be read in the order of a key, which differs for different rows.

    The order is kept from one reading to the next: a few changed rows cost a binary search each.
    """

    __slots__ = ("_changed", "_keys", "_rows", "weights")

    def __init__(self) -> None:
        self.weights: ZSet = {}
        self._keys: list[Any] = []
        self._rows: list[Row] = []
        self._changed: set[Row] = set()
        """Rows that came or went since the last reading, or came and went."""

    def add(self, row: Row, weight: int) -> None:
        """Add `weight` (not 0) copies of the row."""
        before = row in self.weights
        add_row(self.weights, row, weight)
        if before != (row in self.weights):
            self._changed.add(row)

    def in_order(self, key: Callable[[Row], Any]) -> list[Row]:
        """The different rows in order. The caller must not modify the list."""
        if len(self._changed) > _FEW + len(self._rows) // _SHARE:
            self._rows = sorted(self.weights, key=key)
            self._keys = list(map(key, self._rows))
        else:
            for row in self._changed:
                self._move(row, key(row))
        self._changed.clear()
        return self._rows

    def _move(self, row: Row, key: Any) -> None:
        """Insert a changed row into the order, or remove it."""
        place = bisect_left(self._keys, key)
        is_there = place < len(self._rows) and self._rows[place] == row
        if row in self.weights and not is_there:
            self._keys.insert(place, key)
            self._rows.insert(place, row)
        elif is_there and row not in self.weights:
            del self._keys[place], self._rows[place]


class _Collector(Aggregate):
    """The state has tuples: the arguments, then the columns of ORDER BY."""

    def __init__(self, key: Callable[[Row], Any]) -> None:
        self._key = key

    def start(self) -> Ordered:
        return Ordered()

    def update(self, state: Ordered, value: Value, weight: int) -> Ordered:
        state.add(value, weight)
        return state

    def size(self, state: Ordered) -> int:
        return len(state.weights)

    def _in_order(self, state: Ordered) -> Iterable[Row]:
        rows, weights = state.in_order(self._key), state.weights
        if sum(weights.values()) == len(rows):
            return rows
        return chain.from_iterable(map(repeat, rows, map(weights.__getitem__, rows)))


class StringAgg(_Collector):
    """string_agg(value, separator): a separator precedes its value, the first one is not used.

    Rows whose value is NULL are ignored.
    """

    def result(self, state: Ordered) -> Value:
        rows = [row for row in self._in_order(state) if row[0] is not None]
        parts = [part for row in rows for part in (row[1] or "", row[0])][1:]
        check_length(sum(map(len, parts)))
        return "".join(parts) if rows else None


class ArrayAgg(_Collector):
    """array_agg(value), NULLs included. `bare`: values are passed without a tuple around them."""

    def __init__(self, key: Callable[[Row], Any], *, bare: bool) -> None:
        super().__init__(key)
        self._bare = bare

    def update(self, state: Ordered, value: Value, weight: int) -> Ordered:
        return super().update(state, (value,) if self._bare else value, weight)

    def result(self, state: Ordered) -> Value:
        return tuple([row[0] for row in self._in_order(state)]) if state.weights else None


class JsonbAgg(ArrayAgg):
    """jsonb_agg(value); NULL becomes null."""

    def result(self, state: Ordered) -> Value:
        values = super().result(state)
        if values is None:
            return None
        return Jsonb([None if value is None else value.value for value in values])


class JsonbObjectAgg(_Collector):
    """jsonb_object_agg(key, value); of equal keys the last in order wins."""

    def result(self, state: Ordered) -> Value:
        if not state.weights:
            return None
        items: dict[str, Any] = {}
        for key, value, *_ in self._in_order(state):
            if key is None:
                raise SqlError("field name must not be null", "22023")
            items[key] = None if value is None else value.value
        return Jsonb(items)
