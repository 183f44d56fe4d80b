"""System relations as data: their columns, and rows that name only the columns they fill."""

from __future__ import annotations

from dataclasses import dataclass

from engine.relation import Column
from engine.types import SqlType, by_name
from engine.zset import Row, Value

DATABASE_ID = 1
OWNER = "materialize"
OWNER_ID = 10
"""The one role, and its oid."""

NamedRow = tuple[str, Row]
"""A row with the name of its relation."""


@dataclass(frozen=True)
class SystemTable:
    """A relation of the system; `defaults` has a value for each column, None for NULL."""

    name: str
    columns: tuple[Column, ...]
    defaults: tuple[Value, ...]

    def row(self, **values: Value) -> NamedRow:
        """A row of the given values, with the default in every other column."""
        known = dict(zip((column.name for column in self.columns), self.defaults, strict=True))
        unknown = values.keys() - known.keys()
        assert not unknown, f"{self.name} has no columns {unknown}"
        return self.name, tuple((known | values).values())


def system_table(name: str, columns: str) -> SystemTable:
    """A relation from `name type, name type = default, ..`."""
    parts = [part.split() for part in columns.split(",") if part.strip()]
    types: list[SqlType] = [by_name(part[1]) for part in parts]
    defaults = [
        type_.from_text(part[3]) if len(part) > 3 else None
        for part, type_ in zip(parts, types, strict=True)
    ]
    made = tuple(Column(part[0], type_) for part, type_ in zip(parts, types, strict=True))
    return SystemTable(name, made, tuple(defaults))


def system_tables(**columns: str) -> dict[str, SystemTable]:
    """Relations by name."""
    return {name: system_table(name, text) for name, text in columns.items()}
