"""GROUP BY: `O = {key + results: 1 for each key, from the rows of A that have it}`.

Each group keeps what its aggregates need to go forward and back: a sum keeps a total, a minimum
its values in order. A changed row costs one update of each aggregate; a group that changed costs
one result before and one after.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.dataflow.dataflow import ErrorChange, Operator, add_errors
from engine.errors import SqlError
from engine.zset import Row, Value, ZSet, add_row


class Aggregate:
    """An aggregate function. It keeps one state for each group, made by `start`.

    A state may be an object that `update` changes in place and returns, or a plain value. Updates
    of a group may come in any order and any portions: only their sum matters.
    """

    def start(self) -> Any:
        """The state of a group that has no rows."""
        raise NotImplementedError

    def update(self, state: Any, value: Any, weight: int) -> Any:
        """The state after `weight` (which may be negative) more rows with this argument."""
        raise NotImplementedError

    def result(self, state: Any) -> Value:
        """The group's value; raises SqlError where there is none, then the group is no row."""
        raise NotImplementedError

    def size(self, state: Any) -> int:
        """How many rows the state stands for in memory: 0 unless it grows with the group."""
        return 0


@dataclass(frozen=True)
class AggregateCall:
    """An aggregate of the rows for which `accepts` is true (None: of all).

    `argument` takes from a row what the aggregate's `update` wants.
    """

    aggregate: Aggregate
    argument: Callable[[Row], Any]
    accepts: Callable[[Row], bool] | None = None


class Reduce(Operator):
    """`key` is a row's group as the first columns of the output.

    Without grouping columns (`single`) there is one group, which is there also with no rows.
    """

    def __init__(
        self, key: Callable[[Row], Row], calls: Sequence[AggregateCall], *, single: bool = False
    ) -> None:
        self._key = key
        self._calls = tuple(calls)
        self._updates = [(at, call) for at, call in enumerate(self._calls, start=1)]
        self._results = [(at, call.aggregate.result) for at, call in self._updates]
        self._single = single
        self._started = False
        self._groups: dict[Hashable, list[Any]] = {}
        self._sized = [
            (at, call.aggregate.size)
            for at, call in self._updates
            if type(call.aggregate).size is not Aggregate.size
        ]
        self._values_kept = 0

    @property
    def rows_kept(self) -> int:
        return len(self._groups) + self._values_kept

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        output: ZSet = {}
        failed: ErrorChange = {}
        groups = self._groups
        touched: set[Row] = set()
        key_of, updates = self._key, self._updates
        if self._single and not self._started:
            groups[()] = self._new_group()
            touched.add(())
        self._started = True
        for row, weight in changes[0].items():
            key = key_of(row)
            group = groups.get(key)
            if key not in touched:
                touched.add(key)
                if group is None:
                    group = groups[key] = self._new_group()
                else:
                    self._emit(key, group, -1, output, failed)
                    self._values_kept -= self._size(group)
            assert group is not None
            group[0] += weight
            for at, call in updates:
                if call.accepts is None or call.accepts(row):
                    group[at] = call.aggregate.update(group[at], call.argument(row), weight)
        for key in touched:
            group = groups[key]
            if group[0] or self._single:
                self._emit(key, group, 1, output, failed)
                self._values_kept += self._size(group)
            else:
                del groups[key]
        if failed:
            add_errors(errors, failed)
        return output

    def _new_group(self) -> list[Any]:
        """How many rows there are, then each aggregate's state."""
        return [0, *(call.aggregate.start() for call in self._calls)]

    def _size(self, group: list[Any]) -> int:
        return sum(size(group[at]) for at, size in self._sized) if self._sized else 0

    def _emit(
        self, key: Row, group: list[Any], weight: int, output: ZSet, failed: ErrorChange
    ) -> None:
        try:
            row = (*key, *[result(group[at]) for at, result in self._results])
        except SqlError as error:
            add_errors(failed, {error.message: weight})
        else:
            add_row(output, row, weight)
