"""A copy of the project whose environment is the one that runs the tests: nothing is installed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from scripts.child import ROOT

PARTS = ("engine", "scripts", "server", "sql", "static", "viewstream")
FILES = ("tail_view.py", "post_deltas.py")


def make_clone(folder: Path) -> Path:
    """Copy the project to `folder`; its `scripts/venv` names this Python."""
    folder.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "tests", "node_modules")
    for name in PARTS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    (folder / "scripts" / "venv").write_text("#!/bin/sh\necho .venv/bin/python\n")
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder
