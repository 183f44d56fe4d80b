"""Tests that fuzz every target for some seconds; `scripts/fuzz` does it for as long as you like."""

from __future__ import annotations

import importlib.util

import pytest

from tests.fuzz.__main__ import MODULES, fuzz

SECONDS = 30
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="no atheris for this platform"
)


@pytest.mark.parametrize("name", MODULES)
def test_no_input_fails(name: str) -> None:
    # The same inputs each time: another seed may find what nobody has changed.
    outcome = fuzz(MODULES[name], name, SECONDS, "-seed=1", "-runs=3000")
    assert outcome.failure is None, outcome.failure
    assert outcome.inputs > 100


def test_an_input_that_fails_is_shown() -> None:
    outcome = fuzz("tests.fuzz.planted", "planted", SECONDS)
    assert outcome.failure is not None
    assert "b'boom!'" in outcome.failure
    assert "a planted fault" in outcome.failure
