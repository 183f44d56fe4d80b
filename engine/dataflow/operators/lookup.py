"""Scalar subqueries: each left row with the one right row that has its key, or NULLs.

`O = {l + (the row of B with l's key, or NULLs): w for l, w in A}`. Both inputs are indexed by key.
A left row costs one look-up; a key whose right rows change costs the left rows that have it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from engine.dataflow.dataflow import add_errors
from engine.dataflow.index import Index, KeyFunction
from engine.dataflow.operators.sliced import SLICE, Sliced
from engine.zset import Row, ZSet, add_row

TOO_MANY_ROWS = "more than one record produced in subquery"


class Lookup(Sliced):
    """`width` is the number of the right row's columns.

    A left row whose key is None is not looked up, and has NULLs. Two right rows for a key are an
    error of each left row that has it. With `required`, a left row without a partner is left out.
    """

    def __init__(
        self, left_key: KeyFunction, right_key: KeyFunction, width: int, *, required: bool
    ) -> None:
        super().__init__()
        self._left = Index(left_key)
        self._right = Index(right_key)
        self._nothing: Row = (None,) * width
        self._missing: Row | None = None if required else self._nothing

    @property
    def rows_kept(self) -> int:
        return self._left.rows_kept + self._right.rows_kept

    def run(self, changes: Sequence[ZSet]) -> Iterator[None]:
        left_change, right_change = changes
        before: dict[Hashable, Row | str | None] = {}
        for key, _, _ in self._right.keyed(right_change):
            if key not in before:
                before[key] = self._found(key)
        self._right.update(right_change)
        for key, old in before.items():
            new = self._found(key)
            if new != old:
                for number, (row, weight) in enumerate(self._left.rows(key).items(), start=1):
                    self._output(row, old, -weight)
                    self._output(row, new, weight)
                    if number % SLICE == 0:
                        yield
        for row, weight in left_change.items():
            key = self._left.key(row)
            self._output(row, self._nothing if key is None else self._found(key), weight)
        self._left.update(left_change)

    def _found(self, key: Hashable) -> Row | str | None:
        """The right row with the key; an error text if there are several, None for no output."""
        rows = self._right.rows(key)
        if not rows:
            return self._missing
        ((row, weight), *others) = rows.items()
        return row if weight == 1 and not others else TOO_MANY_ROWS

    def _output(self, row: Row, found: Row | str | None, weight: int) -> None:
        if isinstance(found, str):
            add_errors(self.errors, {found: weight})
        elif found is not None:
            add_row(self.output, row + found, weight)
