"""The shell scripts may be called from anywhere, and read paths from the working directory."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.clone import make_clone

SAMPLE = Path(__file__).parent / "sources" / "data" / "recentchange.ndjson"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(tmp_path / "a clone")


def run(clone: Path, script: str, *arguments: str | Path, cwd: Path) -> tuple[int, str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    ended = subprocess.run(
        [clone / "scripts" / script, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_paths_are_read_from_the_working_directory(clone: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    # A file there is not taken for a module of the project.
    (here / "scripts.py").write_text("raise SystemExit('the wrong one')\n")
    shutil.copy(SAMPLE, here / "events")
    status, printed = run(
        clone, "source", "replay", "--rate", "0", "--from", "events", "out", cwd=here
    )
    assert (status, "16 events written" in printed) == (0, True), printed
    assert (here / "out").read_bytes().count(b"\n") == 16

    (here / "own.sql").write_text("SELECT :'nobody';\n")
    status, printed = run(clone, "apply_sql", "own.sql", cwd=here)
    assert status == 1
    assert printed == "apply_sql: the SQL needs a value for :'nobody': give --set nobody=VALUE\n"

    status, printed = run(clone, "demo", "--source", "missing", "--port", "0", cwd=here)
    assert status == 1


@pytest.mark.parametrize(
    "script",
    ["source", "apply_sql", "demo", "serve", "types", "watch", "pipeline", "bench", "faults"],
)
def test_help_is_printed_from_anywhere(clone: Path, tmp_path: Path, script: str) -> None:
    status, printed = run(clone, script, "--help", cwd=tmp_path)
    assert status == 0, printed
    assert printed.startswith(f"usage: scripts/{script}")
