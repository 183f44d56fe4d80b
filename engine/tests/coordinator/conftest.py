"""Fixtures of the coordinator's tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A file of three lines, two of them equal."""
    path = tmp_path / "words"
    path.write_text("a\nb\na\n")
    return path
