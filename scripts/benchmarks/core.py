"""The browser library's core: updates a second beside a naive Map, in one run of Node."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
from pathlib import Path

from scripts.benchmarks.report import Bar, Measure, Report

_PROGRAM = Path(__file__).parent / "_core.mjs"
_CONTENDERS = (
    "a naive Map",
    "the core",
    "the core, and what changed is read",
    "the core, with a checksum in each delta",
)
_SCENES = ((10_000, 2), (10_000, 100), (100_000, 1_000))
"""Rows of the view, and updates of a delta."""

BRIEF = ("--rounds", "3")
SMALL = ("--rounds", "1", "--updates", "5000")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--updates", type=int, default=200_000, help="in one run of a scene")
    parser.add_argument("--rounds", type=int, default=5)


def run(options: argparse.Namespace) -> Report:
    node = shutil.which("node")
    assert node is not None, "expected node on PATH"
    measures, bars = [], []
    for rows, updates in _SCENES:
        deltas = max(options.updates // updates, 4)
        command = [node, str(_PROGRAM), str(rows), str(updates), str(deltas)]
        turns = [_measure(command) for _ in range(options.rounds)]
        scene = f"deltas of {updates} to {rows:,} rows"
        for name, values in zip(_CONTENDERS, zip(*turns, strict=True), strict=True):
            measures.append(
                Measure(f"{scene}, {name}", statistics.median(values), "ns/update", list(values))
            )
        ratio = statistics.median(naive / core for naive, core, *_ in turns)
        bars.append(Bar(f"updates/s, {scene}", ratio, ">=", 0.8, "x"))
    return Report(
        "core",
        measures,
        bars,
        [
            "All apply the same decoded deltas in turns. The core also checks each. A view that",
            "changes more often than it has rows is hashed when a checksum comes, every 5 s; the",
            "last contender hashes each update. What changed is summed when somebody reads it.",
        ],
    )


def _measure(command: list[str]) -> list[float]:
    """Return nanoseconds an update of each contender."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    times: list[float] = json.loads(done.stdout)
    return times
