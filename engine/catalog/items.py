"""An item of the catalog: what a name stands for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sqlglot import exp

from engine.relation import Column
from engine.sql.statements import CreateIndex, CreateSource, CreateTable, CreateView

DATABASE = "materialize"
USER_SCHEMA = "public"
SYSTEM_SCHEMA = "mz_catalog"


class Kind(Enum):
    """The values are the words of statements and of `mz_objects.type`."""

    SOURCE = "source"
    TABLE = "table"
    VIEW = "view"
    INDEX = "index"


Definition = CreateSource | CreateTable | CreateView | CreateIndex


@dataclass(frozen=True)
class Item:
    """An item; its id is never used again, also when another takes its name.

    `dependencies` are the ids of the items it was made from. `query` is a view's, `definition` the
    statement that made it (None for the system's own).
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
        return f"{DATABASE}.{self.schema}.{self.name}"

    @property
    def is_system(self) -> bool:
        return self.schema != USER_SCHEMA

    @property
    def oid(self) -> int:
        """The number under which catalog relations list it: the system's own come first."""
        return (16_384 if self.is_system else 20_000) + int(self.id[1:])

    @property
    def query(self) -> exp.Query | None:
        return self.definition.query if isinstance(self.definition, CreateView) else None
