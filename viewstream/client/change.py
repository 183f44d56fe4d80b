"""Multisets of rows, and changes of a view: what the client's users see. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from viewstream.client.values import Value, read_row
from viewstream.protocol import Column, Row

Rows: TypeAlias = dict[Row, int]
"""A multiset of rows: how often each is there. No weight is 0."""


@dataclass(frozen=True)
class Change:
    """The effect of messages: the view is at `upper` now, which is a consistent point.

    `lower` is the frontier before, or None when a base replaced the rows. `rows` are the rows
    that were inserted (weight above 0) and deleted (below 0); none when only time has passed.
    """

    view: str
    epoch: str
    lower: int | None
    upper: int
    rows: Mapping[Row, int]
    columns: Sequence[Column] = ()
    columns_before: Sequence[Column] = ()
    """The columns of deleted rows, which differ if the view was replaced by another query."""

    @property
    def inserted(self) -> list[dict[str, Value]]:
        """The rows that were inserted, with Python values; one that came twice is there twice."""
        return [
            read_row(self.columns, row) for row, count in self.rows.items() for _ in range(count)
        ]

    @property
    def deleted(self) -> list[dict[str, Value]]:
        """The rows that were deleted, as `inserted` has them."""
        return [
            read_row(self.columns_before, row)
            for row, count in self.rows.items()
            for _ in range(-count)
        ]

    def entries(self) -> list[tuple[dict[str, Value], int]]:
        """Return each changed row once, with its weight: below 0 if it was deleted."""
        inserted = read_entries(self.columns, self.rows, 1)
        return inserted + read_entries(self.columns_before, self.rows, -1)


def read_entries(
    columns: Sequence[Column], rows: Mapping[Row, int], sign: int
) -> list[tuple[dict[str, Value], int]]:
    """Return the rows whose weights have that sign, with Python values and weights."""
    return [(read_row(columns, row), count) for row, count in rows.items() if count * sign > 0]


def merge(first: Change, second: Change) -> Change:
    """Return one change with the effect of two successive ones."""
    rows = dict(first.rows)
    for row, weight in second.rows.items():
        add(rows, row, weight)
    lower = None if second.lower is None else first.lower
    return Change(
        second.view,
        second.epoch,
        lower,
        second.upper,
        rows,
        second.columns,
        first.columns_before,
    )


def difference(old: Rows, new: Rows) -> Rows:
    """Return what turns `old` into `new`."""
    change = dict(new)
    for row, weight in old.items():
        add(change, row, -weight)
    return change


def add(rows: Rows, row: Row, diff: int) -> None:
    """Add `diff` copies of a row, in place."""
    weight = rows.get(row, 0) + diff
    if weight:
        rows[row] = weight
    else:
        rows.pop(row, None)
