"""An item of the catalog: what a name refers to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sqlglot import exp

from engine.relation import Column
from engine.sql.statements import CreateIndex, CreateSchema, CreateSource, CreateTable, CreateView

DATABASE = "materialize"
USER_SCHEMA = "public"
SYSTEM_SCHEMA = "mz_catalog"
SYSTEM_SCHEMAS = {
    SYSTEM_SCHEMA: 1,
    "pg_catalog": 2,
    USER_SCHEMA: 3,
    "mz_internal": 4,
    "information_schema": 5,
}
"""The schemas that are always there, with their ids."""


class Kind(Enum):
    """The values are the words of statements and of `mz_objects.type`."""

    SCHEMA = "schema"
    SOURCE = "source"
    TABLE = "table"
    VIEW = "view"
    INDEX = "index"


Definition = CreateSchema | CreateSource | CreateTable | CreateView | CreateIndex


@dataclass(frozen=True)
class Item:
    """An item; its id is never used again, also when another item takes its name.

    `dependencies` are the ids of the items that it was made from; a user's schema is one for the
    items in it. `definition` is the statement that made the item, None for a system relation. A
    schema is an item in the schema with the empty name.
    """

    id: str
    schema: str
    name: str
    kind: Kind
    columns: tuple[Column, ...] = ()
    nullable: tuple[bool, ...] = ()
    dependencies: tuple[str, ...] = ()
    definition: Definition | None = None

    @property
    def full_name(self) -> str:
        parts = (DATABASE, self.schema, self.name)
        return ".".join(part for part in parts if part)

    @property
    def is_system(self) -> bool:
        return self.id.startswith("s")

    @property
    def oid(self) -> int:
        """The number of the item in catalog relations; those of system relations are lower."""
        return (16_384 if self.is_system else 20_000) + int(self.id[1:])

    @property
    def query(self) -> exp.Query | None:
        """The query of a view."""
        return self.definition.query if isinstance(self.definition, CreateView) else None

    def numbered_columns(self) -> Iterator[tuple[int, Column, bool]]:
        """Each column with its position from 1, and whether it may be NULL."""
        for position, column in enumerate(self.columns, 1):
            yield position, column, self.is_nullable(position)

    def is_nullable(self, position: int) -> bool:
        return not self.nullable or self.nullable[position - 1]
