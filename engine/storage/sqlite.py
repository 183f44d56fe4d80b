"""The store in a folder: one SQLite database, whose transactions survive a kill at any moment."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from engine.errors import SqlError
from engine.storage.store import StoredItem, StoredUpdates, StoreError, TextRow

_logger = logging.getLogger(__name__)

VERSION = 1
"""The layout of the database; another one is refused."""

_SCHEMA = """
CREATE TABLE items (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, sql TEXT);
CREATE TABLE updates (relation TEXT, time INTEGER, diff INTEGER, row BLOB);
CREATE INDEX updates_of_relation ON updates (relation, time);
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER);
INSERT INTO numbers VALUES ('last_id', 0), ('time_bound', 0);
"""

_Row = msgspec.json.Decoder(tuple[str | None, ...])


class SqliteStore:
    """A store in `folder`, which is made if it is missing. May be called from any thread.

    Raises SqlError when another process holds the folder, or it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._folder = folder
        self._failing = False
        """Whether the last transaction could not be written."""
        self._folder_lock = _hold(folder)
        try:
            self._database = sqlite3.connect(
                folder / "engine.sqlite", isolation_level=None, check_same_thread=False
            )
            self._prepare()
        except sqlite3.Error as error:
            os.close(self._folder_lock)
            raise SqlError(f"the data folder {folder} cannot be used: {error}", "58030") from error

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            with self._transaction() as database:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"its layout is number {version}, expected {VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; raises StoreError when the disk does not take it."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except BaseException as error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    self._note_failure(error)
                    raise StoreError(f"could not write to the data folder: {error}") from error
                raise
            self._note_success()

    def _note_failure(self, error: sqlite3.Error) -> None:
        """Log that the disk takes nothing, once until it does again."""
        if not self._failing:
            self._failing = True
            _logger.warning("could not write to the data folder %s: %s", self._folder, error)

    def _note_success(self) -> None:
        if self._failing:
            self._failing = False
            _logger.warning("the data folder %s can be written to again", self._folder)

    def items(self) -> list[StoredItem]:
        rows = self._database.execute("SELECT id, sql FROM items ORDER BY number")
        return [StoredItem(id, sql) for id, sql in rows]

    def last_id(self) -> int:
        return self._number("last_id")

    def change_items(
        self, created: Sequence[StoredItem], dropped: Iterable[str], last_id: int
    ) -> None:
        with self._transaction() as database:
            for id in dropped:
                database.execute("DELETE FROM items WHERE id = ?", (id,))
                database.execute("DELETE FROM updates WHERE relation = ?", (id,))
            database.executemany(
                "INSERT INTO items (id, sql) VALUES (?, ?)",
                [(item.id, item.sql) for item in created],
            )
            database.execute("UPDATE numbers SET value = ? WHERE name = 'last_id'", (last_id,))

    def replace_sql(self, items: Sequence[StoredItem]) -> None:
        with self._transaction() as database:
            database.executemany(
                "UPDATE items SET sql = ? WHERE id = ?", [(item.sql, item.id) for item in items]
            )

    def append(self, changes: Sequence[StoredUpdates]) -> None:
        with self._transaction() as database:
            for change in changes:
                self._insert(database, change.table, change.time, change.updates)

    def _insert(
        self,
        database: sqlite3.Connection,
        table: str,
        time: int,
        updates: Iterable[tuple[int, TextRow]],
    ) -> None:
        database.executemany(
            "INSERT INTO updates VALUES (?, ?, ?, ?)",
            ((table, time, diff, msgspec.json.encode(row)) for diff, row in updates),
        )

    def updates(self, table: str) -> Iterable[StoredUpdates]:
        rows = self._database.execute(
            "SELECT time, diff, row FROM updates WHERE relation = ? ORDER BY time, rowid", (table,)
        )
        time: int | None = None
        updates: list[tuple[int, TextRow]] = []
        for row_time, diff, row in rows:
            if row_time != time and time is not None:
                yield StoredUpdates(table, time, updates)
                updates = []
            time = row_time
            updates.append((diff, _Row.decode(row)))
        if time is not None:
            yield StoredUpdates(table, time, updates)

    def compact(self, table: str, until: int) -> None:
        with self._transaction() as database:
            summed = database.execute(
                "SELECT row, sum(diff) FROM updates WHERE relation = ? AND time <= ?"
                " GROUP BY row HAVING sum(diff) <> 0",
                (table, until),
            ).fetchall()
            database.execute("DELETE FROM updates WHERE relation = ? AND time <= ?", (table, until))
            database.executemany(
                "INSERT INTO updates VALUES (?, ?, ?, ?)",
                ((table, until, diff, row) for row, diff in summed),
            )

    def time_bound(self) -> int:
        return self._number("time_bound")

    def reserve_time(self, bound: int) -> None:
        with self._transaction() as database:
            database.execute("UPDATE numbers SET value = ? WHERE name = 'time_bound'", (bound,))

    def _number(self, name: str) -> int:
        (value,) = self._database.execute(
            "SELECT value FROM numbers WHERE name = ?", (name,)
        ).fetchone()
        return int(value)

    def close(self) -> None:
        with self._lock:
            self._database.close()
        os.close(self._folder_lock)


def _hold(folder: Path) -> int:
    """Lock the folder for this process; the lock goes with the process, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SqlError(
            f"the data folder {folder} cannot be used: {error.strerror}", "58030"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SqlError(f"the data folder {folder} is in use by another engine", "55006") from error
    return descriptor
