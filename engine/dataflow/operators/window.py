"""Window functions: each row of a partition with a value that depends on the partition's rows.

`O = {row + (value,): 1 for each copy of a row of A, value = f(partition)[place of the copy]}`.
A changed partition is computed again as a whole, before and after the change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from engine.dataflow.dataflow import ErrorChange, Operator, add_errors
from engine.dataflow.operators.reduce import AggregateCall
from engine.dataflow.operators.sliced import SLICE
from engine.errors import SqlError
from engine.zset import Row, Value, ZSet, add, add_row

WindowFunction = Callable[[Sequence[Row], Sequence[Hashable]], Sequence[Value]]
"""Computes a value for each row, from the rows of a partition in order and their peer keys.

Rows with equal peer keys are equal to ORDER BY. It may raise SqlError.
"""


class Window(Operator):
    """`partition` computes a row's partition, `order` its sort key, `peer` its peer key.

    Different rows must have different sort keys.
    """

    def __init__(
        self,
        partition: Callable[[Row], Hashable],
        order: Callable[[Row], Any],
        peer: Callable[[Row], Hashable],
        function: WindowFunction,
    ) -> None:
        self._partition = partition
        self._order = order
        self._peer = peer
        self._function = function
        self._rows: dict[Hashable, ZSet] = {}
        self._before: dict[Hashable, tuple[ZSet, ErrorChange]] = {}
        """The output, as it was last, of the partitions that have changed since."""
        self._rows_kept = 0

    @property
    def rows_kept(self) -> int:
        return self._rows_kept

    @property
    def has_more(self) -> bool:
        return bool(self._before) and not self.is_deferred

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        partition, before = self._partition, self._before
        for row, weight in changes[0].items():
            key = partition(row)
            rows = self._rows.setdefault(key, {})
            if key not in before:
                before[key] = self._output(rows)
            self._rows_kept -= len(rows)
            add_row(rows, row, weight)
            self._rows_kept += len(rows)
        return {} if self.is_deferred else self._difference(errors)

    def _difference(self, errors: ErrorChange) -> ZSet:
        """The change of the partitions' output, of about a slice of rows."""
        output: ZSet = {}
        while self._before and len(output) < SLICE:
            key, (old, old_errors) = self._before.popitem()
            new, new_errors = self._output(self._rows[key])
            add(output, new)
            add(output, {row: -weight for row, weight in old.items()})
            add_errors(errors, new_errors)
            add_errors(errors, {text: -count for text, count in old_errors.items()})
            if not self._rows[key]:
                del self._rows[key]
        return output

    def _output(self, rows: ZSet) -> tuple[ZSet, ErrorChange]:
        ordered = [row for row in sorted(rows, key=self._order) for _ in range(rows[row])]
        output: ZSet = {}
        try:
            values = self._function(ordered, list(map(self._peer, ordered)))
        except SqlError as error:
            return {}, {error.message: len(ordered)}
        for row, value in zip(ordered, values, strict=True):
            add_row(output, (*row, value), 1)
        return output, {}


def row_number(rows: Sequence[Row], peers: Sequence[Hashable]) -> Sequence[Value]:
    return range(1, len(rows) + 1)


def rank(rows: Sequence[Row], peers: Sequence[Hashable]) -> Sequence[Value]:
    """1 + the number of rows before the row's first peer."""
    ranks: list[int] = []
    for number, peer in enumerate(peers):
        ranks.append(ranks[-1] if number and peer == peers[number - 1] else number + 1)
    return ranks


def dense_rank(rows: Sequence[Row], peers: Sequence[Hashable]) -> Sequence[Value]:
    """The number of different peer keys up to the row's."""
    ranks: list[int] = []
    for number, peer in enumerate(peers):
        last = ranks[-1] if ranks else 0
        ranks.append(last if number and peer == peers[number - 1] else last + 1)
    return ranks


def shifted(column: int, by: int, default: int | None) -> WindowFunction:
    """lag and lead: the column `by` rows further on, or else the row's own column `default`."""

    def values(rows: Sequence[Row], peers: Sequence[Hashable]) -> Sequence[Value]:
        found: list[Value] = []
        for number, row in enumerate(rows):
            if 0 <= number + by < len(rows):
                found.append(rows[number + by][column])
            else:
                found.append(None if default is None else row[default])
        return found

    return values


def running(call: AggregateCall) -> WindowFunction:
    """An aggregate of the rows up to the last peer of each row."""

    def values(rows: Sequence[Row], peers: Sequence[Hashable]) -> Sequence[Value]:
        aggregate, state = call.aggregate, call.aggregate.start()
        found: list[Value] = []
        for number, row in enumerate(rows):
            if call.accepts is None or call.accepts(row):
                state = aggregate.update(state, call.argument(row), 1)
            if number + 1 == len(rows) or peers[number + 1] != peers[number]:
                found += [aggregate.result(state)] * (number + 1 - len(found))
        return found

    return values
