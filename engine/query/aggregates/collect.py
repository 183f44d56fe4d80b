"""Aggregates that keep all values of a group: min, max, string_agg, array_agg, jsonb_agg.

min and max keep the values ranked, so that the next one is found when the first one is removed.
The others return all values in the order of `key`; a change costs as much as the group is large.
Without ORDER BY the values themselves are sorted, so that the result is always the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from engine.dataflow.operators.reduce import Aggregate
from engine.dataflow.ranking import Ranking
from engine.errors import SqlError
from engine.scalar.functions.text import check_length
from engine.types import Jsonb
from engine.zset import Row, Value, ZSet, add_row


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


class _Collector(Aggregate):
    """The state is a Z-set of tuples: the arguments, then the columns of ORDER BY."""

    def __init__(self, key: Callable[[Row], Any]) -> None:
        self._key = key

    def start(self) -> ZSet:
        return {}

    def update(self, state: ZSet, value: Value, weight: int) -> ZSet:
        add_row(state, value, weight)
        return state

    def size(self, state: ZSet) -> int:
        return len(state)

    def _in_order(self, state: ZSet) -> Iterator[Row]:
        for row in sorted(state, key=self._key):
            for _ in range(state[row]):
                yield row


class StringAgg(_Collector):
    """string_agg(value, separator): a separator precedes its value, the first one is not used.

    Rows whose value is NULL are ignored.
    """

    def result(self, state: ZSet) -> Value:
        parts: list[str] = []
        length = 0
        for value, separator, *_ in self._in_order(state):
            if value is None:
                continue
            if parts and separator is not None:
                parts.append(separator)
                length += len(separator)
            parts.append(value)
            length = check_length(length + len(value))
        return "".join(parts) if parts else None


class ArrayAgg(_Collector):
    """array_agg(value), NULLs included. `bare`: values are passed without a tuple around them."""

    def __init__(self, key: Callable[[Row], Any], *, bare: bool) -> None:
        super().__init__(key)
        self._bare = bare

    def update(self, state: ZSet, value: Value, weight: int) -> ZSet:
        return super().update(state, (value,) if self._bare else value, weight)

    def result(self, state: ZSet) -> Value:
        return tuple(row[0] for row in self._in_order(state)) if state else None


class JsonbAgg(ArrayAgg):
    """jsonb_agg(value); NULL becomes null."""

    def result(self, state: ZSet) -> Value:
        values = super().result(state)
        if values is None:
            return None
        return Jsonb([None if value is None else value.value for value in values])


class JsonbObjectAgg(_Collector):
    """jsonb_object_agg(key, value); of equal keys the last in order wins."""

    def result(self, state: ZSet) -> Value:
        if not state:
            return None
        items: dict[str, Any] = {}
        for key, value, *_ in self._in_order(state):
            if key is None:
                raise SqlError("field name must not be null", "22023")
            items[key] = None if value is None else value.value
        return Jsonb(items)
