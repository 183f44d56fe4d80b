"""The whole pipeline in bulk: a file that grows at once, up to a server with one client.

Every process is a real one: the engine, `tail_view.py`, `post_deltas.py` and the server.
"""

from __future__ import annotations

import contextlib
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2

from scripts.benchmarks._fleet import Fleet
from scripts.benchmarks._measured import start_engine, start_server
from scripts.benchmarks._poster import get_json
from scripts.benchmarks.report import Bar, Measure, Part
from scripts.child import ROOT, Child
from scripts.procfs import precise_cpu_of

_VIEW = "bulk"
_SQL = (
    "CREATE SOURCE lines FROM FILE '{}' WITH (tail = true) FORMAT TEXT",
    'CREATE MATERIALIZED VIEW bulk AS SELECT text AS "user", mz_line_no AS count FROM lines',
    "CREATE MATERIALIZED VIEW total AS SELECT count(*) AS count FROM lines",
)
_PAUSE = 0.02
"""Seconds between two looks at how far it is."""


def measure_bulk(folder: Path, rows: int, rounds: int) -> Part:
    """Append `rows` lines at once; measure until the server has all of them."""
    rates: list[float] = []
    costs: dict[str, list[float]] = {}
    for _ in range(rounds):
        with _Pipeline(folder / "lines") as pipeline:
            rates.append(rows / pipeline.append(_lines(rows)))
            for name, seconds in pipeline.costs.items():
                costs.setdefault(name, []).append(seconds / rows * 1e9)
    measures = [Measure("whole pipeline", statistics.median(rates), "rows/s", rates)]
    measures += [
        Measure(f"whole pipeline, CPU of {name}", statistics.median(each), "ns/row", each)
        for name, each in costs.items()
    ]
    return measures, [Bar("whole pipeline", statistics.median(rates), ">=", 300_000, "rows/s")]


def _lines(count: int) -> bytes:
    chance = random.Random(1)  # noqa: S311 -- a seed is what is wanted
    return b"".join(b"Editor %d %d\n" % (chance.randrange(1_000_000), n) for n in range(count))


class _Pipeline:
    """An engine with a view over a file, its pipeline, and a server with one client."""

    def __init__(self, source: Path) -> None:
        self.costs: dict[str, float] = {}
        """Seconds of processor time of the last append, by the name of the process."""
        self._source = source
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> _Pipeline:
        with contextlib.ExitStack() as stack:
            self._source.write_bytes(b"")
            engine, dsn = start_engine()
            stack.enter_context(engine)
            self._connection: Any = psycopg2.connect(dsn)
            stack.callback(self._connection.close)
            self._connection.autocommit = True
            for statement in _SQL:
                self._query(statement.format(self._source))
            server = stack.enter_context(start_server(dsn, _VIEW))
            self._port = server.port
            stack.enter_context(Fleet(server.port, f"/view/stream?view={_VIEW}", count=1))
            tail, post = stack.enter_context(_shell_pipe(dsn, server.port))
            self._processes = {
                "the engine": engine.pid,
                "tail_view.py": tail.pid,
                "post_deltas.py": post.pid,
                "the server": server.pid,
            }
            self._wait_for_head(0)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def append(self, lines: bytes) -> float:
        """Append to the file; return the seconds until the server has all rows."""
        count = lines.count(b"\n")
        before, begin = self._cpu(), time.perf_counter()
        with self._source.open("ab") as file:
            file.write(lines)
        while True:
            (total, upper) = self._query("SELECT count, mz_logical_timestamp() FROM total")
            if total == count:
                break
            time.sleep(_PAUSE)
        self._wait_for_head(int(upper))
        seconds = time.perf_counter() - begin
        self.costs = {name: cpu - before[name] for name, cpu in self._cpu().items()}
        return seconds

    def _cpu(self) -> dict[str, float]:
        return {name: precise_cpu_of(pid) for name, pid in self._processes.items()}

    def _query(self, sql: str) -> tuple[Any, ...]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone()) if cursor.description else ()

    def _wait_for_head(self, above: int) -> None:
        """Wait until the head of the server's log is above a time."""
        while (self._head() or 0) <= above:
            time.sleep(_PAUSE)

    def _head(self) -> int | None:
        head: int | None = get_json(self._port, f"/view/frontier?view={_VIEW}")["frontier"]
        return head


@contextlib.contextmanager
def _shell_pipe(dsn: str, port: int) -> Iterator[tuple[Child, Child]]:
    """Run `tail_view.py | post_deltas.py`."""
    reading, writing = os.pipe()
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        tail: list[str | Path] = [sys.executable, ROOT / "tail_view.py", _VIEW, "--dsn", dsn]
        post: list[str | Path] = [sys.executable, ROOT / "post_deltas.py", _VIEW, "--server", url]
        try:
            tailing = stack.enter_context(Child(tail, stdout=writing))
            posting = stack.enter_context(Child(post, stdin=reading, stdout=subprocess.DEVNULL))
        finally:
            os.close(reading)
            os.close(writing)
        yield tailing, posting
