"""Table functions: each row with each of the rows that a function returns for it.

`dO = {l + r: w for l, w in dA for r in f(l)}`. A row of the input may have millions of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from engine.dataflow.dataflow import add_errors
from engine.dataflow.operators.sliced import SLICE, Sliced
from engine.errors import SqlError
from engine.zset import Row, ZSet, add_row


class FlatMap(Sliced):
    """`produced` returns the rows to append to a row; it may raise SqlError at any point."""

    def __init__(self, produced: Callable[[Row], Iterable[Row]]) -> None:
        super().__init__()
        self._produced = produced

    def run(self, changes: Sequence[ZSet]) -> Iterator[None]:
        count = 0
        for row, weight in changes[0].items():
            try:
                for more in self._produced(row):
                    add_row(self.output, row + more, weight)
                    count += 1
                    if count % SLICE == 0:
                        yield
            except SqlError as error:
                add_errors(self.errors, {error.message: weight})
