"""string_agg, array_agg and those that make JSON: all values of a group, in the order of `key`.

Their result is as long as the group, so a change costs as much as the group is large. Without
ORDER BY the values are sorted themselves: the result never depends on the order in which rows came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from engine.dataflow.operators.reduce import Aggregate
from engine.errors import SqlError
from engine.types import Jsonb
from engine.zset import Row, Value, ZSet, add_row


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
    """string_agg(value, separator): each separator stands before its value, the first is not used.

    Rows whose value is NULL are left out.
    """

    def result(self, state: ZSet) -> Value:
        parts: list[str] = []
        for value, separator, *_ in self._in_order(state):
            if value is None:
                continue
            if parts and separator is not None:
                parts.append(separator)
            parts.append(value)
        return "".join(parts) if parts else None


class ArrayAgg(_Collector):
    """array_agg(value), NULLs included. `bare` says that values come without a tuple around."""

    def __init__(self, key: Callable[[Row], Any], *, bare: bool) -> None:
        super().__init__(key)
        self._bare = bare

    def update(self, state: ZSet, value: Value, weight: int) -> ZSet:
        return super().update(state, (value,) if self._bare else value, weight)

    def result(self, state: ZSet) -> Value:
        return tuple(row[0] for row in self._in_order(state)) if state else None


class JsonbAgg(ArrayAgg):
    """jsonb_agg(value) as a JSON array; NULL becomes null."""

    def result(self, state: ZSet) -> Value:
        values = super().result(state)
        if values is None:
            return None
        return Jsonb([None if value is None else value.value for value in values])


class JsonbObjectAgg(_Collector):
    """jsonb_object_agg(key, value); of equal keys the last in order counts."""

    def result(self, state: ZSet) -> Value:
        if not state:
            return None
        items: dict[str, Any] = {}
        for key, value, *_ in self._in_order(state):
            if key is None:
                raise SqlError("field name must not be null", "22023")
            items[key] = None if value is None else value.value
        return Jsonb(items)
