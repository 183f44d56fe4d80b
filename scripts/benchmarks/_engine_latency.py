"""The engine's latency: from the append of an event to the row of a COPY."""

from __future__ import annotations

import argparse
import threading
import time
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

import psycopg2

from scripts.benchmarks._engine import Engine, lines
from scripts.benchmarks.report import Bar, Measure, Part


def measure_latency(options: argparse.Namespace, folder: Path) -> Part:
    """From the append of an event to the row of a COPY that shows it, in wall time."""
    source = folder / "latency"
    source.write_bytes(b"")
    total = int(options.seconds * options.rate)
    given = list(lines(total))
    written = [0.0] * total
    overslept: list[float] = []
    arrived: list[float] = []
    with Engine(source) as engine:
        engine.create_views()
        engine.wait_for(0)
        reader = threading.Thread(target=_follow, args=(engine.dsn, total, arrived), daemon=True)
        reader.start()
        time.sleep(0.5)
        began = time.perf_counter()
        with source.open("ab", buffering=0) as file:
            for number, line in enumerate(given):
                due = began + number / options.rate
                if (left := due - time.perf_counter()) > 0:
                    time.sleep(left)
                    overslept.append((time.perf_counter() - due) * 1000)
                written[number] = time.perf_counter()
                file.write(line)
        reader.join(60)
    if len(arrived) < total:
        raise RuntimeError(f"only {len(arrived)} of {total} events arrived")
    delays = [(a - w) * 1000 for a, w in zip(arrived, written, strict=True)]
    middle, late = median(delays), quantiles(delays, n=100)[98]
    at = f"{options.rate} events/s"
    return [
        Measure(f"append to COPY row at {at}, median", middle, "ms"),
        Measure(f"append to COPY row at {at}, p99", late, "ms"),
        Measure(
            "lateness of the feeder's own sleep, p99",
            quantiles(overslept, n=100)[98],
            "ms",
            note="what the machine's load alone costs a process that waits",
        ),
    ], [
        Bar("append to COPY row, median", middle, "<=", 10, "ms"),
        Bar("append to COPY row, p99", late, "<=", 40, "ms"),
    ]


class _Rows:
    """Takes the text of a COPY of `counter`; notes when each count was first reached."""

    def __init__(self, total: int, arrived: list[float]) -> None:
        self._total = total
        self._arrived = arrived
        self._rest = b""

    def write(self, data: bytes | str) -> int:
        text = data if isinstance(data, bytes) else data.encode()
        now = time.perf_counter()
        *rows, self._rest = (self._rest + text).split(b"\n")
        for row in rows:
            _, progressed, diff, count = row.split(b"\t")
            if progressed == b"f" and diff == b"1":
                self._arrived.extend([now] * (int(count) - len(self._arrived)))
        if len(self._arrived) >= self._total:
            raise EOFError
        return len(data)


def _follow(dsn: str, total: int, arrived: list[float]) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        tail = "COPY (TAIL counter WITH (SNAPSHOT = false, PROGRESS)) TO STDOUT"
        try:
            cursor.copy_expert(tail, _Rows(total, arrived))
        except (EOFError, psycopg2.Error):
            return
