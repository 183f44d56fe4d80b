"""The recordings of what a real Materialize printed, where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ROOT

FOLDER = ROOT.parent / "shared" / "data" / "materialize"
VERSIONS = ("v0.9.4", "v0.25.0")


def recording(version: str, name: str) -> bytes:
    """The bytes of a recording; skips the test where there are none."""
    path = FOLDER / version / name
    if not path.exists():
        pytest.skip(f"needs the recordings of a real Materialize: {path} is missing")
    return Path(path).read_bytes()


def recorded_facts(version: str) -> dict[str, Any]:
    """What was SELECTed before and after the recording `resume-as-of.copy`."""
    facts: dict[str, Any] = json.loads(recording(version, "resume-as-of.json"))
    return facts
