"""GROUP BY: `O = {key + results: 1 for each key, from the rows of A that have it}`.

Each group keeps the state that its aggregates need to add and remove rows: a sum keeps a total, a
minimum its values in order. A changed row costs one update of each aggregate, a changed group one
result before and one after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from engine.code import function, row_of
from engine.dataflow.dataflow import ErrorChange, Operator, add_errors
from engine.dataflow.operators.sliced import SLICE
from engine.errors import SqlError
from engine.zset import Row, Value, ZSet


class Aggregate:
    """An aggregate function, with a state for each group.

    A state may be an object that `update` modifies and returns, or a plain value. The order of the
    updates of a group does not matter, only their sum.
    """

    def start(self) -> Any:
        """Create the state of a group that has no rows."""
        raise NotImplementedError

    def update(self, state: Any, value: Any, weight: int) -> Any:
        """Add `weight` rows (which may be negative) with this argument; returns the state."""
        raise NotImplementedError

    def result(self, state: Any) -> Value:
        """Compute the group's value; a group for which it raises SqlError is left out."""
        raise NotImplementedError

    def size(self, state: Any) -> int:
        """The number of rows in the state; 0 unless it grows with the group."""
        return 0


@dataclass(frozen=True)
class AggregateCall:
    """An aggregate over the rows for which `accepts` is true (None: over all rows).

    `argument` takes the argument of the aggregate's `update` from a row.
    """

    aggregate: Aggregate
    argument: Callable[[Row], Any]
    accepts: Callable[[Row], bool] | None = None


class CountRows(Aggregate):
    """count(*). Every group counts its rows anyway, so it needs no state of its own."""

    def start(self) -> int:
        return 0

    def update(self, state: int, value: Value, weight: int) -> int:
        return state + weight

    def result(self, state: int) -> int:
        return state


class Reduce(Operator):
    """`key` computes a row's group, the first columns of the output; None: the row itself.

    Without grouping columns (`single`) there is one group, which exists even without rows.
    """

    def __init__(
        self,
        key: Callable[[Row], Row] | None,
        calls: Sequence[AggregateCall],
        *,
        single: bool = False,
    ) -> None:
        self._key = key
        self._single = single
        self._started = False
        self._groups: dict[Row, list[Any]] = {}
        self._aggregates: list[Aggregate] = []
        """The aggregates that have a state, which is at their index here + 1 in a group's list."""
        self._updates: list[tuple[int, AggregateCall]] = []
        places = [self._placed(call) for call in calls]
        self._output = _row_function(places, [call.aggregate for call in calls])
        self._sized = [
            (at, aggregate.size)
            for at, aggregate in enumerate(self._aggregates, start=1)
            if type(aggregate).size is not Aggregate.size
        ]
        self._values_kept = 0
        self._before: dict[Row, Row | SqlError | None] = {}
        """The rows, as they were output last, of the groups that have changed since."""

    @property
    def has_more(self) -> bool:
        return bool(self._before) and not self.is_deferred

    def _placed(self, call: AggregateCall) -> int:
        """The index of the call's state in a group's list."""
        if type(call.aggregate) is CountRows and call.accepts is None:
            return 0
        self._aggregates.append(call.aggregate)
        self._updates.append((len(self._aggregates), call))
        return len(self._aggregates)

    @property
    def rows_kept(self) -> int:
        return len(self._groups) + self._values_kept

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        before = self._before
        groups, key_of, updates = self._groups, self._key, self._updates
        if self._single and not self._started:
            groups[()] = self._new_group()
            before[()] = None
        self._started = True
        for row, weight in changes[0].items():
            key = row if key_of is None else key_of(row)
            group = groups.get(key)
            if key not in before:
                if group is None:
                    before[key] = None
                else:
                    before[key] = self._result(key, group)
                    if self._sized:
                        self._values_kept -= self._size(group)
            if group is None:
                group = groups[key] = self._new_group()
            group[0] += weight
            for at, call in updates:
                if call.accepts is None or call.accepts(row):
                    group[at] = call.aggregate.update(group[at], call.argument(row), weight)
        return {} if self.is_deferred else self._difference(errors)

    def _difference(self, errors: ErrorChange) -> ZSet:
        """The change of the groups' rows, of a slice of them; groups without rows are dropped.

        Different groups have different rows, so no weights are added.
        """
        output: ZSet = {}
        groups, result = self._groups, self._result
        before, self._before = self._before, {}
        if len(before) > SLICE:
            changed = iter(before.items())
            before, self._before = dict(islice(changed, SLICE)), dict(changed)
        for key, old in before.items():
            group = groups[key]
            new: Row | SqlError | None = None
            if group[0] or self._single:
                new = result(key, group)
                if self._sized:
                    self._values_kept += self._size(group)
            else:
                del groups[key]
            if new == old:
                continue
            for result_row, weight in ((old, -1), (new, 1)):
                if isinstance(result_row, SqlError):
                    add_errors(errors, {result_row.message: weight})
                elif result_row is not None:
                    output[result_row] = weight
        return output

    def _new_group(self) -> list[Any]:
        """The number of rows, then each aggregate's state."""
        return [0, *[aggregate.start() for aggregate in self._aggregates]]

    def _size(self, group: list[Any]) -> int:
        return sum(size(group[at]) for at, size in self._sized)

    def _result(self, key: Row, group: list[Any]) -> Row | SqlError:
        try:
            return self._output(key, group)
        except SqlError as error:
            return error


def _row_function(
    places: Sequence[int], aggregates: Sequence[Aggregate]
) -> Callable[[Row, list[Any]], Row]:
    """Build the function from a group's key and states to its row; the state at 0 is a result."""
    names: dict[str, Any] = {}
    parts: list[str] = []
    for number, (place, aggregate) in enumerate(zip(places, aggregates, strict=True)):
        names[f"result{number}"] = aggregate.result
        parts.append(f"result{number}(group[{place}])" if place else "group[0]")
    return function("key, group", row_of(["*key", *parts]), names)  # type: ignore[no-any-return]
