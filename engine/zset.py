"""Z-sets: multisets whose weights may be negative (Budiu et al., DBSP, 2023).

A Z-set maps a row to its weight, and a weight is never 0: code that modifies one keeps that true.
A relation's contents are a Z-set without negative weights, a change is any Z-set, and contents +
change = new contents.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""A SQL value as a Python object, None for NULL; `engine.types` defines it for each type."""

Row: TypeAlias = tuple[Value, ...]
ZSet: TypeAlias = dict[Row, int]


def add(into: ZSet, change: Mapping[Row, int]) -> None:
    """Add `change` to `into`, in place; rows whose weight becomes 0 leave it."""
    for row, weight in change.items():
        total = into.get(row, 0) + weight
        if total:
            into[row] = total
        else:
            del into[row]


def add_row(into: ZSet, row: Row, weight: int) -> None:
    """Add `weight` (not 0) copies of the row, in place."""
    total = into.get(row, 0) + weight
    if total:
        into[row] = total
    else:
        del into[row]


def negate(zset: ZSet) -> ZSet:
    return {row: -weight for row, weight in zset.items()}


class Appended(Mapping[Row, int]):
    """Rows that a source adds, each once: kept by column, and a Z-set for readers that need one.

    `columns` are of equal length, at least one of them, and no two rows are equal. `utf8` may be
    the first column as UTF-8. `shared` has what one reader computed of the rows for the others.
    """

    def __init__(
        self, columns: Sequence[Sequence[Value]], utf8: Sequence[memoryview] | None = None
    ) -> None:
        self.columns = columns
        self.utf8 = utf8
        self.shared: dict[Any, Any] = {}

    @cached_property
    def zset(self) -> ZSet:
        return dict(zip(zip(*self.columns, strict=True), repeat(1)))

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[Row]:
        return iter(self.zset)

    def __getitem__(self, row: Row) -> int:
        return self.zset[row]

    def items(self) -> ItemsView[Row, int]:
        return self.zset.items()


Change: TypeAlias = ZSet | Appended
"""The change of an input."""

Portion: TypeAlias = Mapping[str, Change]
"""A part of what changes at one time, by the ids of the inputs."""


def as_zset(change: Change) -> ZSet:
    return change.zset if isinstance(change, Appended) else change
