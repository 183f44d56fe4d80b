"""The death of a network, as of a container's whose namespace another container has left."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from scripts.child import ROOT


def unshare(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a network namespace of its own, which has only a loopback device."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare and ip are not installed")
    words = ["unshare", "--map-root-user", "--net", *command]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("what", ["heals", "ends"])
def test_a_pipeline_whose_network_dies(what: str) -> None:
    if unshare("ip", "link", "set", "lo", "up").returncode != 0:
        pytest.skip("this system does not permit unshare --net")
    done = unshare(sys.executable, "-m", "tests.scripts.network_death", what)
    assert done.returncode == 0, done.stdout + done.stderr
