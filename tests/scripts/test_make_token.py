"""The file with a token that the containers share."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from scripts.make_token import make_token
from tests.support.processes import Process


def test_a_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    assert make_token(file)
    first = file.read_text()
    assert len(first.strip()) >= 40
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not make_token(file)
    assert file.read_text() == first
    file.write_text("\n")
    assert make_token(file), "an empty file has no token"


def test_the_command_prints_no_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    for word in ("made", "kept"):
        with Process([sys.executable, "-m", "scripts.make_token", str(file)]) as process:
            assert process.wait() == 0
            assert process.output == f"make_token: {word} the token of {file}\n"
    missing = tmp_path / "nosuch" / "token"
    with Process([sys.executable, "-m", "scripts.make_token", str(missing)]) as process:
        assert process.wait() == 1
        assert "cannot write" in process.output
