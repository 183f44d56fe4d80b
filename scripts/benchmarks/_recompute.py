"""DuckDB and SQLite, which compute the views again for every batch."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence

import duckdb

BATCH = 100

_VIEWS = (
    "SELECT count(*) FROM events",
    "SELECT {user} AS u, count(*) AS n FROM events GROUP BY u",
    "SELECT {user} AS u, count(*) AS n FROM events GROUP BY u ORDER BY n DESC, u LIMIT 10",
)


def duckdb_seconds(history: Sequence[str], batches: Sequence[Sequence[str]]) -> list[float]:
    """Return the processor seconds of each batch: insert rows, compute all views, fetch results."""
    database = duckdb.connect()
    database.execute("SET threads = 1")
    database.execute("CREATE TABLE events (data JSON)")
    views = [view.format(user="data->>'$.user'") for view in _VIEWS]

    def insert(rows: Sequence[str]) -> None:
        database.execute("INSERT INTO events SELECT unnest(?::VARCHAR[])::JSON", [list(rows)])

    def ask() -> None:
        for view in views:
            database.execute(view).fetchall()

    try:
        return _measured(insert, ask, history, batches)
    finally:
        database.close()


def sqlite_seconds(history: Sequence[str], batches: Sequence[Sequence[str]]) -> list[float]:
    """Return the same for SQLite, in memory."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE events (data TEXT)")
    views = [view.format(user="data->>'user'") for view in _VIEWS]

    def insert(rows: Sequence[str]) -> None:
        database.executemany("INSERT INTO events VALUES (?)", ((row,) for row in rows))

    def ask() -> None:
        for view in views:
            database.execute(view).fetchall()

    try:
        return _measured(insert, ask, history, batches)
    finally:
        database.close()


def _measured(
    insert: Callable[[Sequence[str]], None],
    ask: Callable[[], None],
    history: Sequence[str],
    batches: Sequence[Sequence[str]],
) -> list[float]:
    insert(history)
    seconds = []
    for batch in batches:
        began = time.process_time()
        insert(batch)
        ask()
        seconds.append(time.process_time() - began)
    return seconds
