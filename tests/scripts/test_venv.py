"""scripts/venv: installs in place, waits for another one, and needs no lock when complete."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT, Process

INSTALLING = "scripts/venv: installing what {} names into .venv (once)\n"
WAITING = "scripts/venv: waiting for another scripts/venv\n"
PRINTED = ".venv/bin/python\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with other locks and without an environment; this Python is to be used."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "venv", tmp_path / "scripts" / "venv")
    (tmp_path / "requirements.lock").write_text("one\n")
    (tmp_path / "requirements-test.lock").write_text("one\ntwo\n")
    return tmp_path


def pretend_it_is_made(checkout: Path, lock: str) -> None:
    """Leave the stamp of an environment that holds what `lock` names."""
    texts = [(checkout / name).read_text() for name in ("requirements.lock", lock)]
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "stamp").write_text(f"{sys.version}\n{''.join(texts)}".rstrip("\n"))


def run(checkout: Path, lock: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "venv", lock],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        ("requirements.lock", "requirements.lock"),
        ("requirements-test.lock", "requirements-test.lock"),
        ("requirements-test.lock", "requirements.lock"),
    ],
)
def test_what_is_made_needs_no_lock(checkout: Path, made: str, wanted: str) -> None:
    pretend_it_is_made(checkout, made)
    (checkout / ".venv.lock").mkdir()  # as if the checkout were read-only, also for root
    ended = run(checkout, wanted)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, PRINTED, "")


def test_without_a_lock_nothing_is_made(checkout: Path) -> None:
    if shutil.which("flock") is None:
        pytest.skip("needs flock")
    pretend_it_is_made(checkout, "requirements.lock")
    (checkout / ".venv.lock").mkdir()
    ended = run(checkout, "requirements-test.lock")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"scripts/venv: cannot write .venv.lock in {checkout}, and .venv is not complete\n"
    )


def test_the_second_says_that_it_waits_and_finds_it_made(checkout: Path) -> None:
    if shutil.which("flock") is None:
        pytest.skip("needs flock")
    command: list[str | Path] = ["env", f"PYTHON={sys.executable}", checkout / "scripts" / "venv"]
    with (checkout / ".venv.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with Process([*command, "requirements.lock"]) as second:
            second.wait_for(WAITING.strip())
            assert second.popen.poll() is None
            pretend_it_is_made(checkout, "requirements.lock")
            fcntl.flock(held, fcntl.LOCK_UN)
            assert second.wait() == 0
            assert second.stderr == WAITING


def test_an_environment_in_use_is_extended_and_never_deleted(checkout: Path) -> None:
    for name in ("requirements.lock", "requirements-test.lock"):
        (checkout / name).write_text("# no packages\n")
    assert run(checkout, "requirements.lock").returncode == 0
    module = checkout / ".venv" / "imported_later_by_a_running_demo.py"
    module.touch()
    (checkout / "requirements-test.lock").write_text("# no packages, but another lock\n")
    ended = run(checkout, "requirements-test.lock")
    assert (ended.returncode, ended.stdout) == (0, PRINTED)
    assert INSTALLING.format("requirements-test.lock") in ended.stderr
    assert module.exists()


def test_the_environment_of_another_python_is_replaced(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text("# no packages\n")
    (checkout / "requirements-test.lock").write_text("# no packages\n")
    other = checkout / ".venv" / "bin" / "python"
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\necho 2.7\n")
    other.chmod(0o755)
    assert run(checkout, "requirements.lock").returncode == 0
    assert other.is_symlink()
