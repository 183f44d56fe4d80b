"""System relations: the catalog and the engine's statistics, read like any other relation.

| file | schema |
|---|---|
| `mz_catalog` | Materialize's names, and this engine's statistics |
| `pg_tables`, `pg_catalog` | PostgreSQL's, for its clients: columns, and rows |
| `information_schema` | the SQL standard's, for tools |
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.catalog.catalog import Catalog
from engine.catalog.items import Item, Kind
from engine.catalog.system import information_schema, mz_catalog, pg_catalog, pg_tables
from engine.catalog.system.mz_catalog import STATISTICS
from engine.catalog.system.tables import NamedRow

__all__ = ["STATISTICS", "add_system_items", "fixed_rows", "item_rows"]

_SCHEMAS = {
    "mz_catalog": mz_catalog.TABLES,
    "pg_catalog": pg_tables.TABLES,
    "information_schema": information_schema.TABLES,
}


def add_system_items(catalog: Catalog) -> None:
    """Add the system relations, under ids (`s1`, `s2`, ...) that never change."""
    number = 0
    for schema, tables in _SCHEMAS.items():
        for table in tables.values():
            number += 1
            catalog.add(Item(f"s{number}", schema, table.name, Kind.TABLE, table.columns))


def fixed_rows() -> Iterator[NamedRow]:
    """The rows that are always there, each with the name of its relation."""
    yield from mz_catalog.fixed_rows()
    yield from pg_catalog.fixed_rows()
    yield from information_schema.fixed_rows()


def item_rows(catalog: Catalog, item: Item) -> Iterator[NamedRow]:
    """The rows about one item, each with the name of its relation.

    They are the same as long as the item, its schema and what an index is on are in the catalog.
    """
    schema_id = catalog.schema_id(item.schema)
    relation = catalog[item.dependencies[0]] if item.kind is Kind.INDEX else None
    yield from mz_catalog.item_rows(item, schema_id, relation)
    yield from pg_catalog.item_rows(item, schema_id, relation)
    yield from information_schema.item_rows(item)
