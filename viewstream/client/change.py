"""Multisets of rows, and changes of a view: what the client's users see. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from viewstream.client.values import Value, read_row
from viewstream.protocol import Column, Row

Rows: TypeAlias = dict[Row, int]
"""A multiset of rows: how often each is there. No weight is 0."""


class Updated(NamedTuple):
    """A row whose key stayed and whose other columns changed."""

    before: dict[str, Value]
    after: dict[str, Value]


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

    key: Sequence[str] = ()
    """The columns that identify a row; without them no row is `updated`."""

    @property
    def inserted(self) -> list[dict[str, Value]]:
        """The rows that were inserted, with Python values; one that came twice is there twice."""
        return self._lists[0]

    @property
    def deleted(self) -> list[dict[str, Value]]:
        """The rows that were deleted, as `inserted` has them."""
        return self._lists[1]

    @property
    def updated(self) -> list[Updated]:
        """The rows whose key stayed; these are neither in `inserted` nor in `deleted`."""
        return self._lists[2]

    @cached_property
    def _lists(self) -> tuple[list[dict[str, Value]], list[dict[str, Value]], list[Updated]]:
        """Pair each inserted row with a deleted one of the same key."""
        key_of, key_before = (
            key_reader(self.columns, self.key),
            key_reader(self.columns_before, self.key),
        )
        removed: dict[Row, list[Row]] = {}
        for row in _repeat(self.rows, -1):
            removed.setdefault(key_before(row), []).append(row)
        inserted, updated = [], []
        for row in _repeat(self.rows, 1):
            candidates = removed.get(key_of(row)) if self.key else None
            after = read_row(self.columns, row)
            if candidates:
                updated.append(Updated(read_row(self.columns_before, candidates.pop(0)), after))
            else:
                inserted.append(after)
        deleted = [read_row(self.columns_before, row) for rows in removed.values() for row in rows]
        return inserted, deleted, updated

    def entries(self) -> list[tuple[dict[str, Value], int]]:
        """Return each changed row once, with its weight: below 0 if it was deleted."""
        inserted = read_entries(self.columns, self.rows, 1)
        return inserted + read_entries(self.columns_before, self.rows, -1)


def key_reader(columns: Sequence[Column], key: Sequence[str]) -> Callable[[Row], Row]:
    """Return a function from a row to its values of the columns in `key`."""
    names = [column.name for column in columns]
    places = [names.index(name) for name in key]
    return lambda row: tuple(row[place] for place in places)


def _repeat(rows: Mapping[Row, int], sign: int) -> list[Row]:
    """List the rows whose weights have that sign, each as often as it is there."""
    return [row for row, count in rows.items() for _ in range(count * sign)]


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
        second.key if set(second.key) <= {column.name for column in first.columns_before} else (),
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
