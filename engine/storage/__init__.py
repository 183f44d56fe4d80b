"""What survives the process: the catalog's statements, the rows of tables, and the time."""

from engine.storage.sqlite import SqliteStore
from engine.storage.store import MemoryStore, Store, StoredItem, StoredUpdates, StoreError

__all__ = ["MemoryStore", "SqliteStore", "Store", "StoreError", "StoredItem", "StoredUpdates"]
