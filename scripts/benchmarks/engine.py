"""The engine: rate, growth, memory, latency, and databases that recompute."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

import msgspec

from scripts.benchmarks._engine import Engine, Peak, lines
from scripts.benchmarks._engine_latency import measure_latency
from scripts.benchmarks._recompute import compare_recomputing
from scripts.benchmarks.report import Bar, Measure, Part, Report

_MB = 1024 * 1024
_PORTION = 20_000
"""Events of which the cost is measured, early and late."""


BRIEF = ("--repeat", "1", "--history", "100000", "--file-mb", "64", "--seconds", "5")
SMALL = (
    "--repeat",
    "1",
    "--events",
    "2000",
    "--history",
    "2000",
    "--file-mb",
    "1",
    "--seconds",
    "1",
    "--rate",
    "100",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--repeat", type=int, default=3, help="runs of the rate (default %(default)s)")
    add("--events", type=int, default=100_000, help="events of a run (default %(default)s)")
    add(
        "--history",
        type=int,
        default=400_000,
        help="events at which the cost is compared with that at 20,000 (default %(default)s; "
        "the bar is about 2000000)",
    )
    add("--seconds", type=float, default=10, help="of the latency run (default %(default)s)")
    add("--rate", type=int, default=1000, help="its events a second (default %(default)s)")
    add("--file-mb", type=int, default=256, help="file read at start (default %(default)s)")


def run(options: argparse.Namespace) -> Report:
    with tempfile.TemporaryDirectory(prefix="viewstream-bench-") as folder:
        parts = [
            rate(options, Path(folder)),
            growth(options, Path(folder)),
            keys(options, Path(folder)),
            measure_latency(options, Path(folder)),
            file_at_start(options, Path(folder)),
            compare_recomputing(Path(folder), options.history),
        ]
    return Report(
        "engine: the four views of sql/ over generated events of about 1 KB",
        [measure for part in parts for measure in part[0]],
        [bar for part in parts for bar in part[1]],
        [
            "rates and costs are processor time of the engine's process, so that other load on the "
            "machine does not count; latencies are wall time",
            "msgspec is given the lines, cut and without their prefix, as bytes",
        ],
    )


# Rate


def rate(options: argparse.Namespace, folder: Path) -> Part:
    """Events a second of processor time, against decoding the same lines, in turns."""
    source = folder / "rate"
    count = options.events
    _write(source, lines(count))
    decode: list[float] = []
    live: list[float] = []
    start: list[float] = []
    for _ in range(options.repeat):
        decode.append(count / _decode(source))
        start.append(count / _read_at_start(source, count))
        live.append(count / _read_live(source, folder / "live", count))
    at_start = [engine / peer for engine, peer in zip(start, decode, strict=True)]
    growing = [engine / peer for engine, peer in zip(live, decode, strict=True)]
    return [
        _rates("msgspec decodes the needed field, results kept", decode),
        _rates("engine, four views, file at start", start),
        _rates("engine, four views, file that grows", live),
    ], [
        Bar("rate, file at start / msgspec", median(at_start), ">=", 0.3),
        Bar("rate, file that grows / msgspec", median(growing), ">=", 0.3),
    ]


def _rates(name: str, samples: list[float]) -> Measure:
    return Measure(name, median(samples), "events/s", samples)


class _Event(msgspec.Struct, gc=False):
    """The field of an event that the views of `sql/` need; the rest is checked and skipped."""

    user: str


def _decode(source: Path) -> float:
    """Return the processor seconds to decode every line, typed, keeping the results.

    Without the cyclic garbage collector, which has nothing to find here.
    """
    given = [line[6:] for line in source.read_bytes().split(b"\n") if line]
    decode = msgspec.json.Decoder(_Event).decode
    gc.disable()
    try:
        began = time.thread_time()
        kept = [decode(line) for line in given]
        seconds = time.thread_time() - began
    finally:
        gc.enable()
    del kept
    return seconds


def _read_at_start(source: Path, count: int) -> float:
    with Engine(source) as engine:
        began = engine.child.cpu()
        engine.create_views()
        engine.wait_for(count)
        return engine.child.cpu() - began


def _read_live(source: Path, grown: Path, count: int) -> float:
    """The same for lines that are appended while the views run."""
    grown.write_bytes(b"")
    with Engine(grown) as engine:
        engine.create_views()
        engine.wait_for(0)
        began = engine.child.cpu()
        with grown.open("ab") as file:
            file.write(source.read_bytes())
        engine.wait_for(count)
        return engine.child.cpu() - began


def _write(path: Path, given: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(given)


# Growth


def growth(options: argparse.Namespace, folder: Path) -> Part:
    """The cost of 20,000 events to an engine that has seen many, and to one that has not, in turns.

    The first portion brings most of the keys, so the early cost is that of the next ones.
    """
    with Fed(folder / "long") as old, Fed(folder / "short") as young:
        old.feed(_PORTION)
        at_20000 = old.engine.child.memory()
        while old.seen < options.history:
            old.feed(min(_PORTION * 5, options.history - old.seen))
        young.feed(_PORTION)
        late, early = [], []
        for _ in range(5):
            early.append(young.feed(_PORTION))
            late.append(old.feed(_PORTION))
        at_end = old.engine.child.memory()
        [(kept,)] = old.engine.query("SELECT count(*) FROM useredits")
    measures = [
        Measure("cost after 20,000 events", median(early), "us/event", early),
        Measure(f"cost after {options.history:,} events", median(late), "us/event", late),
        Measure("memory at 20,000 events", at_20000 / _MB, "MB"),
        Measure(
            f"memory at {old.seen:,} events",
            at_end / _MB,
            "MB",
            note=f"{kept:,} distinct keys, and the history window",
        ),
    ]
    return measures, [Bar("cost late / cost early", median(late) / median(early), "<=", 1.2)]


class Fed:
    """An engine with the views, and the stream that it is fed with, portion by portion."""

    def __init__(self, source: Path) -> None:
        source.write_bytes(b"")
        self._source = source
        self._stream = lines(sys.maxsize)
        self.engine = Engine(source)
        self.engine.create_views()
        self.seen = 0

    def feed(self, count: int) -> float:
        """Append so many events; returns the microseconds of processor time that each took."""
        portion = b"".join(islice(self._stream, count))
        began = self.engine.child.cpu()
        with self._source.open("ab") as file:
            file.write(portion)
        self.seen += count
        self.engine.wait_for(self.seen)
        return (self.engine.child.cpu() - began) / count * 1e6

    def __enter__(self) -> Fed:
        return self

    def __exit__(self, *error: object) -> None:
        self.engine.__exit__(*error)


def keys(options: argparse.Namespace, folder: Path) -> Part:
    """Memory by the number of distinct keys, the number of events being the same."""
    measures = []
    count = options.events
    for editors in (1_000, 20_000, 100_000):
        source = folder / "keys"
        _write(source, lines(count, seed=2, editors=editors))
        with Engine(source, "--history-rows", "1000") as engine:
            engine.create_views()
            engine.wait_for(count)
            [(found,)] = engine.query("SELECT count(*) FROM useredits")
            memory = engine.child.memory() / _MB
        measures.append(Measure(f"memory, {count:,} events, {found:,} keys", memory, "MB"))
    return measures, []


# A file at start


def file_at_start(options: argparse.Namespace, folder: Path) -> Part:
    """Measure rate and memory while the engine reads a large file at its start."""
    source, data = folder / "large", folder / "data"
    source.write_bytes(b"")
    with Engine(source, "--data", data) as engine:
        engine.create_views()
    block = b"".join(lines(min(100_000, options.file_mb * 1000)))
    count = 0
    with source.open("wb") as file:
        while file.tell() < options.file_mb * _MB:
            file.write(block)
            count += block.count(b"\n")
    size = source.stat().st_size
    began = time.perf_counter()
    with Engine(source, "--data", data) as engine, Peak(engine.child) as memory:
        before = memory.peak
        engine.wait_for(count)
        wall, cpu = time.perf_counter() - began, engine.child.cpu()
        after = engine.child.memory()
    source.unlink()
    name = f"{size / _MB:,.0f} MB at start"
    return [
        Measure(f"{name}: rate", size / _MB / cpu, "MB/s of processor time"),
        Measure(f"{name}: wall time", wall, "s", note=f"{count:,} events"),
        Measure(f"{name}: memory at the beginning", before / _MB, "MB"),
        Measure(f"{name}: most memory", memory.peak / _MB, "MB"),
        Measure(f"{name}: memory afterwards", after / _MB, "MB"),
    ], []
