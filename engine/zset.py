"""Z-sets: multisets whose weights may be negative (Budiu et al., DBSP, 2023).

A Z-set maps a row to its weight, and a weight is never 0: code that modifies one keeps that true.
A relation's contents are a Z-set without negative weights, a change is any Z-set, and contents +
change = new contents.
"""

from __future__ import annotations

from collections import Counter
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
    take = into.pop
    for row, weight in change.items():
        if total := take(row, 0) + weight:
            into[row] = total


def add_row(into: ZSet, row: Row, weight: int) -> None:
    """Add `weight` (not 0) copies of the row, in place."""
    total = into.get(row, 0) + weight
    if total:
        into[row] = total
    else:
        del into[row]


def negate(zset: ZSet) -> ZSet:
    return {row: -weight for row, weight in zset.items()}


class LazyZSet(Mapping[Row, int]):
    """A Z-set that is made when a reader needs one."""

    @cached_property
    def zset(self) -> ZSet:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.zset)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.zset)

    def __getitem__(self, row: Row) -> int:
        return self.zset[row]

    def items(self) -> ItemsView[Row, int]:
        return self.zset.items()


class Appended(LazyZSet):
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


class Bag(LazyZSet):
    """Rows that are added, equal ones each: a Z-set for readers that need one.

    What a function gives for the new rows of a source. `entries` are the rows, or, of rows with one
    column, their values: to count these costs less than to make a row of each. To count equal rows
    of several bags together costs less than to add their Z-sets.
    """

    def __init__(self, entries: list[Any], *, is_column: bool = False) -> None:
        self.entries = entries
        self.is_column = is_column
        """Whether the entries are values."""

    @cached_property
    def zset(self) -> ZSet:
        counts = Counter(self.entries)
        return {(value,): n for value, n in counts.items()} if self.is_column else dict(counts)

    def __bool__(self) -> bool:
        return bool(self.entries)


Change: TypeAlias = ZSet | Appended | Bag
"""The change of an input, or of an operator's output."""


class Sum:
    """A sum of changes. Bags are joined, and counted only when something else is added."""

    def __init__(self) -> None:
        self._zset: ZSet = {}
        self._bag: Bag | None = None

    @property
    def size(self) -> int:
        """The number of rows, those that come in bags counted each."""
        return len(self._zset) + (len(self._bag.entries) if self._bag else 0)

    def add(self, change: Change) -> None:
        bag = self._bag
        if not isinstance(change, Bag):
            add(self._zset, change)
        elif bag is None:
            self._bag = Bag(list(change.entries), is_column=change.is_column)
        elif bag.is_column == change.is_column:
            bag.entries += change.entries
        else:
            add(self._zset, change)

    def change(self) -> Change:
        """The sum; nothing may be added afterwards."""
        if self._bag is None:
            return self._zset
        if not self._zset:
            return self._bag
        add(self._zset, self._bag)
        return self._zset


Portion: TypeAlias = Mapping[str, Change]
"""A part of what changes at one time, by the ids of the inputs."""


def as_zset(change: Change) -> ZSet:
    return change if isinstance(change, dict) else change.zset
