"""Rows of a time interval: `O(t) = {row: w for row, w in A if lower(row) <= t < upper(row)}`.

Later changes of the output wait in a schedule by time. A row that is removed before its time is
also removed from the schedule, which has no more rows than will still change the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from engine.dataflow.dataflow import ErrorChange, Operator, add_errors
from engine.errors import SqlError
from engine.zset import Row, ZSet, add_row

Interval = tuple[int | None, int | None]
"""The times [lower, upper) at which a row is in the output; None: unbounded on that side."""


class Temporal(Operator):
    """`interval` computes a row's times, None if there are none; it may raise SqlError."""

    def __init__(self, interval: Callable[[Row], Interval | None]) -> None:
        self._interval = interval
        self._schedule: dict[int, ZSet] = {}
        self._times: list[int] = []

    @property
    def rows_kept(self) -> int:
        return sum(map(len, self._schedule.values()))

    @property
    def next_time(self) -> int | None:
        while self._times:
            if self._schedule[self._times[0]]:
                return self._times[0]
            del self._schedule[heappop(self._times)]
        return None

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        output: ZSet = {}
        for row, weight in changes[0].items():
            try:
                interval = self._interval(row)
            except SqlError as error:
                add_errors(errors, {error.message: weight})
                continue
            if interval is not None:
                self._place(row, weight, interval, time, output)
        while (due := self.next_time) is not None and due <= time:
            for row, weight in self._schedule.pop(heappop(self._times)).items():
                add_row(output, row, weight)
        return output

    def _place(self, row: Row, weight: int, interval: Interval, time: int, output: ZSet) -> None:
        lower, upper = interval
        if upper is not None and (upper <= time or (lower is not None and upper <= lower)):
            return
        if lower is None or lower <= time:
            add_row(output, row, weight)
        else:
            self._at(lower, row, weight)
        if upper is not None:
            self._at(upper, row, -weight)

    def _at(self, time: int, row: Row, weight: int) -> None:
        rows = self._schedule.get(time)
        if rows is None:
            rows = self._schedule[time] = {}
            heappush(self._times, time)
        add_row(rows, row, weight)
