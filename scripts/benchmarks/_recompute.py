"""DuckDB and SQLite, which compute the views again for every batch."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from scripts.benchmarks._engine import Engine, lines
from scripts.benchmarks.report import Measure, Part

BATCH = 100

_VIEWS = (
    "SELECT count(*) FROM events",
    "SELECT {user} AS u, count(*) AS n FROM events GROUP BY u",
    "SELECT {user} AS u, count(*) AS n FROM events GROUP BY u ORDER BY n DESC, u LIMIT 10",
)


def compare_recomputing(folder: Path, longest: int) -> Part:
    """Compare a batch of 100 events with databases that recompute.

    It comes after histories of several lengths, up to `longest`.
    """
    batches = 5
    measures = []
    for history in (length for length in (1_000, 10_000, 50_000) if length <= longest):
        given = list(lines(history + 20 * BATCH))
        texts = [line[6:-1].decode() for line in given]
        parts = [texts[history + n * BATCH :][:BATCH] for n in range(batches)]
        duck = [seconds * 1000 for seconds in _duckdb_seconds(texts[:history], parts)]
        lite = [seconds * 1000 for seconds in _sqlite_seconds(texts[:history], parts)]
        ours = [_batches(folder / "batches", given, history)]
        for name, samples in (("engine", ours), ("duckdb", duck), ("sqlite", lite)):
            at = f"{name}: {BATCH} more events after {history:,}"
            measures.append(Measure(at, median(samples), "ms", samples))
    return measures, []


def _batches(source: Path, given: list[bytes], history: int) -> float:
    """Processor milliseconds for one batch, over many of them: the clock is coarse."""
    source.write_bytes(b"".join(given[:history]))
    with Engine(source) as engine:
        engine.create_views()
        engine.wait_for(history)
        time.sleep(0.2)
        began = engine.child.cpu()
        rest = range(history, len(given), BATCH)
        for first in rest:
            with source.open("ab") as file:
                file.write(b"".join(given[first : first + BATCH]))
            engine.wait_for(first + BATCH)
        return (engine.child.cpu() - began) / len(rest) * 1000


def _duckdb_seconds(history: Sequence[str], batches: Sequence[Sequence[str]]) -> list[float]:
    """Return the processor seconds of each batch: insert rows, compute all views, fetch results."""
    import duckdb  # of the test environment: `scripts/bench --help` needs the runtime only

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


def _sqlite_seconds(history: Sequence[str], batches: Sequence[Sequence[str]]) -> list[float]:
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
