"""Recordings of what a real Materialize printed, where they are at hand."""

from __future__ import annotations

import json
from typing import Any

from tests.support.shared import shared

TAIL_VERSIONS = ("v0.9.4", "v0.25.0")
TODAY = "v26.28"
"""It has SUBSCRIBE, and its first progress row is at the AS OF."""
VERSIONS = (*TAIL_VERSIONS, TODAY)


def recording(version: str, name: str) -> bytes:
    """The bytes of a recording; skips the test where there are none."""
    return shared(f"materialize/{version}/{name}").read_bytes()


def recorded_facts(version: str) -> dict[str, Any]:
    """The rows that were SELECTed before and after the recording `resume-as-of.copy`."""
    facts: dict[str, Any] = json.loads(recording(version, "resume-as-of.json"))
    for key, other in [
        ("rows_at_as_of", "rows"),
        ("rows_before_frontier", "rows_at_frontier_minus_1"),
    ]:
        facts.setdefault(key, facts.get(other))  # the recordings of v26.28 name them so
    return facts
