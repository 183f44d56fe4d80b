"""What survives the process: the catalog's statements, the rows of tables, and the time."""

from engine.storage.sqlite import SqliteStore
from engine.storage.store import MemoryStore, Store, StoredItem, StoredUpdates

__all__ = ["MemoryStore", "SqliteStore", "Store", "StoredItem", "StoredUpdates"]
