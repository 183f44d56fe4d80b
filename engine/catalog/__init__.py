"""Items, their names and dependencies, and the system relations that list them."""

from engine.catalog.catalog import Catalog
from engine.catalog.items import DATABASE, SYSTEM_SCHEMA, USER_SCHEMA, Definition, Item, Kind
from engine.catalog.oids import with_oids
from engine.catalog.system import STATISTICS, add_system_items, fixed_rows, item_rows

__all__ = [
    "DATABASE",
    "STATISTICS",
    "SYSTEM_SCHEMA",
    "USER_SCHEMA",
    "Catalog",
    "Definition",
    "Item",
    "Kind",
    "add_system_items",
    "fixed_rows",
    "item_rows",
    "with_oids",
]
