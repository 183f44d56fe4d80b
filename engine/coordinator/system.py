"""The rows of the system relations: catalog, statistics, evaluation errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.catalog import Catalog, Item, fixed_rows, item_rows
from engine.zset import Row, ZSet, add

ERROR_TEXTS = 1000
"""Different error texts of one relation that are counted; the others are counted together."""

OTHER_ERRORS = "other errors"


class SystemRelations:
    """Collects the changes of the system's relations until the next tick takes them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._ids = {item.name: item.id for item in catalog}
        self._pending: dict[str, ZSet] = {}
        self._current: dict[str, ZSet] = {}
        self._errors: dict[str, dict[str, int]] = {}
        self._names: dict[str, str] = {}
        for name, row in fixed_rows():
            self._change(name, {row: 1})
        for item in catalog:
            self.add_item(item)

    def drain(self) -> dict[str, ZSet]:
        """The changes since the last call, by the ids of the relations."""
        changes, self._pending = self._pending, {}
        return {id: change for id, change in changes.items() if change}

    @property
    def has_pending(self) -> bool:
        """Whether `drain` would return any change."""
        return any(self._pending.values())

    def add_item(self, item: Item) -> None:
        self._names[item.id] = item.name
        for name, row in item_rows(self._catalog, item):
            self._change(name, {row: 1})

    def remove_item(self, item: Item) -> None:
        for name, row in item_rows(self._catalog, item):
            self._change(name, {row: -1})
        for text, count in self._errors.pop(item.id, {}).items():
            self._change("mz_evaluation_errors", {(item.id, item.name, text, count): -1})
        del self._names[item.id]

    def take_out(self, items: Iterable[Item]) -> None:
        """Remove the rows of items whose names are about to change; `put_back` must follow."""
        for item in items:
            for name, row in item_rows(self._catalog, item):
                self._change(name, {row: -1})

    def put_back(self, items: Iterable[Item]) -> None:
        """Add the rows of items under their new names."""
        for item in items:
            for name, row in item_rows(self._catalog, item):
                self._change(name, {row: 1})
            old, self._names[item.id] = self._names[item.id], item.name
            if old != item.name:
                for text, count in self._errors.get(item.id, {}).items():
                    change = {(item.id, old, text, count): -1, (item.id, item.name, text, count): 1}
                    self._change("mz_evaluation_errors", change)

    def replace(self, name: str, rows: Iterable[Row]) -> None:
        """Replace the rows of a relation by `rows`."""
        new = dict.fromkeys(rows, 1)
        old = self._current.get(name, {})
        self._current[name] = new
        change: ZSet = {row: -1 for row in old if row not in new}
        change.update((row, 1) for row in new if row not in old)
        self._change(name, change)

    def change_errors(self, id: str, changes: Mapping[str, int]) -> None:
        """Add to the error counts of a view or source; of one that was dropped they are nothing."""
        if id not in self._names:
            return
        counts = self._errors.setdefault(id, {})
        for text, diff in changes.items():
            known = text in counts or (diff > 0 and len(counts) < ERROR_TEXTS)
            self._change_count(id, counts, text if known else OTHER_ERRORS, diff)

    def _change_count(self, id: str, counts: dict[str, int], text: str, diff: int) -> None:
        before = counts.get(text, 0)
        after = before + diff
        change: ZSet = {}
        if before:
            change[id, self._names[id], text, before] = -1
        if after:
            change[id, self._names[id], text, after] = 1
            counts[text] = after
        else:
            counts.pop(text, None)
        self._change("mz_evaluation_errors", change)

    def _change(self, name: str, change: ZSet) -> None:
        add(self._pending.setdefault(self._ids[name], {}), change)
