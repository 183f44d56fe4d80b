"""Rows by key, for operators that look up partners."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from types import MappingProxyType

from engine.zset import Row, ZSet

KeyFunction = Callable[[Row], Hashable]
"""A row's key; None for a row that has no partner (a NULL in a key that is compared by =)."""

_NO_ROWS: Mapping[Row, int] = MappingProxyType({})


class Index:
    """A Z-set by key, without the rows whose key is None."""

    def __init__(self, key: KeyFunction) -> None:
        self.key = key
        self._rows: dict[Hashable, ZSet] = {}
        self.rows_kept = 0

    def rows(self, key: Hashable) -> Mapping[Row, int]:
        """The rows that have the key, with their weights."""
        return self._rows.get(key, _NO_ROWS)

    def keyed(self, change: ZSet) -> Iterator[tuple[Hashable, Row, int]]:
        """(key, row, weight) of each row of the change that has a key."""
        for row, weight in change.items():
            key = self.key(row)
            if key is not None:
                yield key, row, weight

    def update(self, change: ZSet) -> None:
        """Add a change to the rows."""
        for key, row, weight in self.keyed(change):
            rows = self._rows.get(key)
            if rows is None:
                rows = self._rows[key] = {}
            total = rows.get(row, 0) + weight
            if not total:
                del rows[row]
                self.rows_kept -= 1
                if not rows:
                    del self._rows[key]
                continue
            if row not in rows:
                self.rows_kept += 1
            rows[row] = total
