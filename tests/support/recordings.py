"""The recordings of what a real Materialize printed, where they are at hand."""

from __future__ import annotations

import json
from typing import Any

from tests.support.shared import shared

VERSIONS = ("v0.9.4", "v0.25.0")


def recording(version: str, name: str) -> bytes:
    """The bytes of a recording; skips the test where there are none."""
    return shared(f"materialize/{version}/{name}").read_bytes()


def recorded_facts(version: str) -> dict[str, Any]:
    """What was SELECTed before and after the recording `resume-as-of.copy`."""
    facts: dict[str, Any] = json.loads(recording(version, "resume-as-of.json"))
    return facts
