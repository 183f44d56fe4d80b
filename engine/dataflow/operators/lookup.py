"""Scalar subqueries: each left row with the one right row that has its key, or NULLs.

`O = {l + (the row of B with l's key, or NULLs): w for l, w in A}`. Both inputs are indexed by key.
A left row costs one look-up; a key whose right rows change costs the left rows that have it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from engine.dataflow.dataflow import ErrorChange, Operator, add_errors
from engine.dataflow.index import Index, KeyFunction
from engine.zset import Row, ZSet, add_row

TOO_MANY_ROWS = "more than one record produced in subquery"


class Lookup(Operator):
    """`width` is the number of the right row's columns.

    A left row whose key is None is not looked up, and has NULLs. Two right rows for a key are an
    error of each left row that has it. With `required`, a left row without a partner is left out.
    """

    def __init__(
        self, left_key: KeyFunction, right_key: KeyFunction, width: int, *, required: bool
    ) -> None:
        self._left = Index(left_key)
        self._right = Index(right_key)
        self._nothing: Row = (None,) * width
        self._missing: Row | None = None if required else self._nothing

    @property
    def rows_kept(self) -> int:
        return self._left.rows_kept + self._right.rows_kept

    def step(self, time: int, changes: Sequence[ZSet], errors: ErrorChange) -> ZSet:
        left_change, right_change = changes
        output: ZSet = {}
        before: dict[Hashable, Row | str | None] = {}
        for key, _, _ in self._right.keyed(right_change):
            if key not in before:
                before[key] = self._found(key)
        self._right.update(right_change)
        for key, old in before.items():
            new = self._found(key)
            if new != old:
                rows = self._left.rows(key)
                self._output(rows, old, -1, output, errors)
                self._output(rows, new, 1, output, errors)
        for row, weight in left_change.items():
            key = self._left.key(row)
            found = self._nothing if key is None else self._found(key)
            self._output({row: weight}, found, 1, output, errors)
        self._left.update(left_change)
        return output

    def _found(self, key: Hashable) -> Row | str | None:
        """The right row with the key; an error text if there are several, None for no output."""
        rows = self._right.rows(key)
        if not rows:
            return self._missing
        ((row, weight), *others) = rows.items()
        return row if weight == 1 and not others else TOO_MANY_ROWS

    def _output(
        self,
        rows: Mapping[Row, int],
        found: Row | str | None,
        sign: int,
        output: ZSet,
        errors: ErrorChange,
    ) -> None:
        if isinstance(found, str):
            add_errors(errors, {found: sign * sum(rows.values())})
        elif found is not None:
            for row, weight in rows.items():
                add_row(output, row + found, sign * weight)
