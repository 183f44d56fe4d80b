"""Storage that survives the process: statements of the catalog, rows of tables, the time."""

from engine.storage.sqlite import SqliteStore
from engine.storage.store import MemoryStore, Store, StoredItem, StoredUpdates, StoreError

__all__ = ["MemoryStore", "SqliteStore", "Store", "StoreError", "StoredItem", "StoredUpdates"]
