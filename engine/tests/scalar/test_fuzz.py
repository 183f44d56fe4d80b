"""No expression surfaces a Python exception, and the grammar is not all syntax errors."""

from __future__ import annotations

from engine.tests.scalar.fuzz import run


def test_random_expressions_are_evaluated_or_refused() -> None:
    outcomes, faults = run(first=0, count=400)
    assert faults == []
    assert outcomes["ok"] > 100
    assert outcomes["failed"] > 20
