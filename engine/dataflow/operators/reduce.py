"""GROUP BY: `O = {key + results: 1 for each key, from the rows of A that have it}`.

Each group keeps what its aggregates need to go forward and back: a sum keeps a total, a minimum
its values in order. A changed row costs one update of each aggregate; a group that changed costs
one result before and one after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.dataflow.dataflow import ErrorChange, Operator, add_errors
from engine.errors import SqlError
from engine.zset import Row, Value, ZSet


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


class CountRows(Aggregate):
    """count(*): every group counts its rows anyway, so this is the group's own state."""

    def start(self) -> int:
        return 0

    def update(self, state: int, value: Value, weight: int) -> int:
        return state + weight

    def result(self, state: int) -> int:
        return state


class Reduce(Operator):
    """`key` gives a row's group, as the first columns of the output; None: the row itself.

    Without grouping columns (`single`) there is one group, which is there also with no rows.
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
        """Those that have a state of their own: at their place here + 1 in the group's list."""
        self._updates: list[tuple[int, AggregateCall]] = []
        places = [self._placed(call) for call in calls]
        self._output = _row_function(places, [call.aggregate for call in calls])
        self._sized = [
            (at, aggregate.size)
            for at, aggregate in enumerate(self._aggregates, start=1)
            if type(aggregate).size is not Aggregate.size
        ]
        self._values_kept = 0

    def _placed(self, call: AggregateCall) -> int:
        """Where the call's state stands in a group's list."""
        if type(call.aggregate) is CountRows and call.accepts is None:
            return 0
        self._aggregates.append(call.aggregate)
        self._updates.append((len(self._aggregates), call))
        return len(self._aggregates)

    @property
    def rows_kept(self) -> int:
        return len(self._groups) + self._values_kept

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        before: dict[Row, Row | SqlError | None] = {}
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
        return self._difference(before, errors)

    def _difference(self, before: dict[Row, Row | SqlError | None], errors: ErrorChange) -> ZSet:
        """The change of the groups' rows, given what they were; groups without rows are dropped.

        Different groups have different rows, so nothing has to be added up.
        """
        output: ZSet = {}
        groups, result = self._groups, self._result
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
        """How many rows there are, then each aggregate's state."""
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
    """The function from a group's key and states to its row; states at 0 are the result itself."""
    names: dict[str, Any] = {}
    parts: list[str] = []
    for number, (place, aggregate) in enumerate(zip(places, aggregates, strict=True)):
        names[f"result{number}"] = aggregate.result
        parts.append(f"result{number}(group[{place}])" if place else "group[0]")
    source = f"lambda key, group: (*key, {''.join(part + ', ' for part in parts)})"
    function: Callable[[Row, list[Any]], Row] = eval(source, names)  # noqa: S307 -- our own source
    return function
