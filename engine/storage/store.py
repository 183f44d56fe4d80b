"""The interface of stores, and the store that keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from engine.errors import SqlError

TextRow: TypeAlias = tuple[str | None, ...]
"""A row as the text forms of its values, None for NULL: how `engine.types` writes and reads them.
"""


class StoreError(SqlError):
    """The disk is full, or failed: nothing of the write was stored."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "58030")


@dataclass(frozen=True)
class StoredItem:
    """An item of the catalog: its id (`u7`), the number of its creation, and its statement."""

    id: str
    sql: str


@dataclass(frozen=True)
class StoredUpdates:
    """The updates of one table at one time (milliseconds)."""

    table: str
    time: int
    updates: Sequence[tuple[int, TextRow]]


class Store(Protocol):
    """Every method is atomic and durable: after a kill at any moment it was done or it was not."""

    def items(self) -> list[StoredItem]:
        """The items in the order of their creation."""

    def last_id(self) -> int:
        """The highest number that an item ever had."""

    def change_items(
        self, created: Sequence[StoredItem], dropped: Iterable[str], last_id: int
    ) -> None:
        """Add and remove items; a table's updates go with it."""

    def replace_sql(self, items: Sequence[StoredItem]) -> None:
        """Replace the statements of items that are stored."""

    def append(self, changes: Sequence[StoredUpdates]) -> None:
        """Add updates of tables."""

    def updates(self, table: str) -> Iterable[StoredUpdates]:
        """A table's updates in the order of their times."""

    def compact(self, table: str, until: int) -> None:
        """Sum up the updates with times up to `until`, at that time; rows that cancel are gone."""

    def time_bound(self) -> int:
        """A bound that every time so far is below."""

    def reserve_time(self, bound: int) -> None:
        """Promise that no time will reach `bound` before another promise is made."""

    def close(self) -> None: ...


class MemoryStore:
    """The store of an engine without a data folder: it forgets everything at once."""

    def items(self) -> list[StoredItem]:
        return []

    def last_id(self) -> int:
        return 0

    def change_items(
        self, created: Sequence[StoredItem], dropped: Iterable[str], last_id: int
    ) -> None:
        pass

    def replace_sql(self, items: Sequence[StoredItem]) -> None:
        pass

    def append(self, changes: Sequence[StoredUpdates]) -> None:
        pass

    def updates(self, table: str) -> Iterable[StoredUpdates]:
        return []

    def compact(self, table: str, until: int) -> None:
        pass

    def time_bound(self) -> int:
        return 0

    def reserve_time(self, bound: int) -> None:
        pass

    def close(self) -> None:
        pass
