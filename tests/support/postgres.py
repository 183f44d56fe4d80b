"""A PostgreSQL server of a test, where PostgreSQL is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.ports import free_port
from tests.support.processes import Process

FOLDERS = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
PATH = os.pathsep.join([*FOLDERS, os.environ.get("PATH", "")])


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """Run a PostgreSQL server; yields its DSN."""
    initdb, server = shutil.which("initdb", path=PATH), shutil.which("postgres", path=PATH)
    if initdb is None or server is None:
        pytest.skip("postgres is not installed")
    as_user = ["runuser", "-u", "nobody", "--"] if os.getuid() == 0 else []  # it refuses root
    data = tmp_path / "postgres"
    data.mkdir()
    if as_user:
        shutil.chown(data, "nobody")
        for parent in data.parents:
            if parent.is_relative_to("/tmp") and parent != Path("/tmp"):
                parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run(
        [*as_user, initdb, "-D", data, "-U", "me", "-A", "trust", "--no-sync"],
        check=True,
        capture_output=True,
    )
    port = free_port()
    options = ["-D", data, "-p", str(port), "-k", data, "-c", "listen_addresses=127.0.0.1"]
    with Process([*as_user, server, *options], cwd=data) as process:
        process.wait_for("ready to accept connections")
        yield f"host=127.0.0.1 port={port} user=me dbname=postgres"
