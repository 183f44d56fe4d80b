"""Consolidates updates as a test states it, for oracles: the server's log has its own way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from viewstream.protocol import Row, Update


def consolidate(updates: Iterable[Update]) -> list[Update]:
    """Merge updates of equal (time, row), drop those that cancel, and sort by time.

    Times are kept apart: a base may still fall between two updates that cancel.
    """
    diffs: Counter[tuple[int, Row]] = Counter()
    for time, diff, row in updates:
        diffs[time, row] += diff
    merged = [(time, diff, row) for (time, row), diff in diffs.items() if diff]
    return sorted(merged, key=lambda update: update[0])
