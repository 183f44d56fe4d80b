"""The Docker files: no daemon runs here, so each command in them is run without one.

The commands run in a copy of what the Dockerfile copies, with the addresses of this machine in
the place of the containers' names.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.ports import free_port
from tests.support.processes import ROOT, Process
from viewstream.client import Stream

VIEWS = ["counter", "top10", "useredits"]
BASE = ["docker-compose.yml"]
EMBEDDED = [*BASE, "docker-compose.embedded.yml"]


def config(files: list[str]) -> str:
    """What docker-compose makes of the files: YAML, each list item on a line of its own."""
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    options = [option for file in files for option in ("-f", file)]
    return subprocess.run(
        ["docker-compose", *options, "config"],
        cwd=ROOT,
        # It is a Python program of its own: ours must not tell it what a warning is.
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def commands(files: list[str]) -> dict[str, list[str]]:
    """The command of each service."""
    found: dict[str, list[str]] = {}
    service = key = ""
    for line in config(files).splitlines():
        if match := re.fullmatch(r"  (\w+):", line):
            service = match[1]
        elif match := re.match(r"    (\w+):", line):
            key = match[1]
        elif key == "command" and (match := re.fullmatch(r"    - (.*)", line)):
            found.setdefault(service, []).append(match[1].strip("'\""))
    return found


def test_with_materialize_nothing_else_differs() -> None:
    base, embedded = commands(BASE), commands(EMBEDDED)
    assert set(base) == {"source", "materialize", "sql", "server", "pipeline"}
    assert base.pop("materialize") == ["--workers", "1", "--logical-compaction-window", "5m"]
    assert embedded.pop("materialize")[:3] == ["python", "-m", "engine"]
    assert base == embedded
    assert "image: materialize/materialized:v0.25.0\n" in config(BASE)
    assert "materialize/materialized" not in config(EMBEDDED)


def test_nothing_but_this_machine_reaches_the_ports() -> None:
    for files in (BASE, EMBEDDED):
        published = re.findall(r"^    - ([\d.:]+)/tcp$", config(files), flags=re.MULTILINE)
        assert sorted(published) == ["127.0.0.1:6875:6875", "127.0.0.1:8888:8888"]


def copied() -> list[str]:
    """What the Dockerfile copies into the image."""
    text = (ROOT / "Dockerfile").read_text()
    return [
        name for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for name in line.split()
    ]


def test_the_image_may_copy_what_it_copies() -> None:
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(allowed) == sorted(copied())


def test_the_commands_run_the_demo_from_what_the_image_holds(tmp_path: Path) -> None:
    image = tmp_path / "viewstream"
    image.mkdir()
    for name in copied():
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, image / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, image)
    port, engine_port = free_port(), free_port()
    here = {
        "/data": str(tmp_path),
        "/engine": str(tmp_path / "engine"),
        "0.0.0.0:8888": f"127.0.0.1:{port}",
        "0.0.0.0:6875": f"127.0.0.1:{engine_port}",
    }
    environment = {
        "VIEWSTREAM_DSN": f"host=127.0.0.1 port={engine_port} user=materialize dbname=materialize",
        "VIEWSTREAM_URL": f"http://127.0.0.1:{port}",
        "PYTHONPATH": "",
    }
    with ExitStack() as stack:
        for command in commands(EMBEDDED).values():
            for there, replacement in here.items():
                command = [word.replace(there, replacement) for word in command]
            arguments = [sys.executable, *command[1:]]
            stack.enter_context(Process(arguments, env=environment, cwd=image))
        asyncio.run(all_views_come(f"http://127.0.0.1:{port}"))


async def all_views_come(url: str) -> None:
    follower = Stream(url, VIEWS)
    following = asyncio.create_task(follower.run())
    try:
        states = follower.states.values()
        await follower.until(lambda: all(state.rows and state.position for state in states))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
