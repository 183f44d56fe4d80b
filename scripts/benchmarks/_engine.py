"""An engine under measurement, with the views of `sql/` over a file."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg2

from scripts.benchmarks._measured import Measured, start_engine
from scripts.sources.generate import events
from scripts.sql_files.apply import apply
from scripts.sql_files.statements import FOLDER, read_statements

_FILES = ("10_wikimedia", "20_recentchanges", "30_counter", "40_useredits", "50_top10")
_PATIENCE = 600.0


def lines(count: int, *, seed: int = 1, editors: int = 20_000) -> Iterator[bytes]:
    """Yield lines as the source writes them, with their newlines."""
    for event in islice(events(seed, editors=editors), count):
        yield b"data: " + event + b"\n"


class Engine:
    """A running engine. Use as a context manager."""

    def __init__(self, source: Path, *options: str | Path) -> None:
        self.source = source
        self.child, self.dsn = start_engine(*options)
        self._connection: Any = psycopg2.connect(self.dsn)
        self._connection.autocommit = True

    def create_views(self) -> None:
        """Apply the first files of `sql/`: the source, and the four views that are measured."""
        files = [FOLDER / f"{name}.sql" for name in _FILES]
        statements = read_statements(files, {"source": str(self.source)})
        apply(self.dsn, statements, wait=0)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def wait_for(self, events: int) -> None:
        """Wait until the views have processed so many events."""
        deadline = time.monotonic() + _PATIENCE
        while self.query("SELECT * FROM counter") != [(events,)]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the engine did not count {events} events")
            time.sleep(0.02)
        self.query("SELECT * FROM top10")

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self.child.close()


class Peak(threading.Thread):
    """Samples a child's memory in a thread; `peak` is the largest sample."""

    def __init__(self, child: Measured) -> None:
        super().__init__(daemon=True)
        self._child = child
        self._over = threading.Event()
        self.peak = child.memory()

    def run(self) -> None:
        while not self._over.wait(0.05):
            self.peak = max(self.peak, self._child.memory())

    def __enter__(self) -> Peak:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
