"""engine/README.md names every function that SQL can call."""

from __future__ import annotations

import re

from engine.scalar import calls
from engine.scalar.polymorphic import POLYMORPHIC
from engine.scalar.registry import FUNCTIONS
from engine.tests.support.processes import ROOT

WITH_SYNTAX = {"array", "array_item", "like_escape", "ilike_escape", "not"}
"""These stand behind syntax: ARRAY[..], a subscript, ESCAPE, NOT."""

FOR_DRIVERS = {"to_regtype", "pg_advisory_unlock_all"}


def test_every_function_is_documented() -> None:
    assert calls.call_function
    text = (ROOT / "engine" / "README.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z_0-9]+)`", text))
    names = {name for name in (*FUNCTIONS, *POLYMORPHIC) if name[0].isalpha()}
    assert names - WITH_SYNTAX - FOR_DRIVERS <= documented
