"""Real events and recordings, in an optional folder next to the clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.forbid_skips import ALLOWED
from tests.support.processes import ROOT

EVENTS = "wikimedia-recentchange-100.ndjson"


def shared(name: str) -> Path:
    """The path of a file of `../shared/data`; skips the test where there is none."""
    path = ROOT.parent / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"{ALLOWED} is missing: it would hold {name}")
    return path
