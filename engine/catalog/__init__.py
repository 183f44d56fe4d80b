"""What there is: items, their names, who depends on whom, and the relations that tell of it."""

from engine.catalog.catalog import Catalog
from engine.catalog.items import DATABASE, SYSTEM_SCHEMA, USER_SCHEMA, Definition, Item, Kind
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
]
