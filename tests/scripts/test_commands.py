"""The shell scripts may be called from anywhere, and read paths from the working directory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.child import ROOT
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


@pytest.mark.parametrize(
    "command",
    [
        *(
            ["-m", module]
            for module in ("server", "engine", "scripts.pipeline", "scripts.apply_sql")
        ),
        *(["-m", f"scripts.{name}"] for name in ("view_types", "serving.serve", "serving.demo")),
        *(["-m", f"scripts.{name}"] for name in ("sources", "faultkit", "benchmarks")),
        ["tail_view.py"],
        ["post_deltas.py"],
    ],
    ids=lambda command: command[-1],
)
def test_help_shows_no_secret(command: list[str]) -> None:
    secrets = {
        "VIEWSTREAM_DSN": "host=127.0.0.1 user=me password=sesame",
        "VIEWSTREAM_TOKEN": "sesame",
        "VIEWSTREAM_URL": "http://127.0.0.1:8888",
    }
    ended = subprocess.run(
        [sys.executable, *command, "--help"],
        cwd=ROOT,
        env={**os.environ, **secrets},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert "usage:" in ended.stdout
    assert "sesame" not in ended.stdout + ended.stderr


WITHOUT_TEST_PACKAGES = """\
#!/bin/sh
exec "{python}" -c '
import runpy, sys
sys.modules.update(dict.fromkeys(("duckdb", "playwright", "pytest")))  # importing them fails
sys.argv[:] = ["bench", *sys.argv[3:]]
runpy.run_module("scripts.benchmarks", run_name="__main__")
' "$@"
"""


@pytest.mark.parametrize("arguments", [["--help"], ["engine", "--help"], ["engine", "-h"]])
def test_help_of_the_benchmarks_needs_the_runtime_only(
    clone: Path, tmp_path: Path, arguments: list[str]
) -> None:
    locks = tmp_path / "locks"
    (clone / "scripts" / "venv").write_text(f'#!/bin/sh\necho "$1" >> {locks}\necho ./python\n')
    (clone / "python").write_text(WITHOUT_TEST_PACKAGES.format(python=sys.executable))
    (clone / "python").chmod(0o755)
    status, printed = run(clone, "bench", *arguments, cwd=tmp_path)
    assert status == 0, printed
    assert printed.startswith("usage: scripts/bench")
    assert locks.read_text() == "requirements.lock\n"
