"""`pip install .` in an empty environment: the wheel has what it imports, and follows a view."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

import pytest

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import ROOT

PROGRAM = """
import asyncio
import sys

from viewstream import __version__
from viewstream.client import follow


async def main(url: str) -> None:
    async with asyncio.timeout(120), follow(url, "top10") as stream:
        async for change in stream["top10"]:
            print(__version__, change.upper, sorted(row["user"] for row in change.inserted))
            break


asyncio.run(main(sys.argv[1]))
"""
UNREACHABLE = ("No matching distribution", "Failed to establish", "ConnectionError", "timed out")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment into which the package was installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "0", ROOT],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=folder,
    )
    if done.returncode and any(reason in done.stderr for reason in UNREACHABLE):
        pytest.skip("pip reaches no package registry, which has the build backend")
    assert done.returncode == 0, done.stderr
    return python


def test_it_follows_a_view_of_a_running_server(installed: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with FakeEngine() as engine, Served(engine) as served:
        done = subprocess.run(
            [installed, program, served.url],
            capture_output=True,
            text=True,
            timeout=200,
            cwd=tmp_path,
        )
    assert done.stderr == ""
    version, upper, users = done.stdout.split(maxsplit=2)
    assert (version, upper, users) == ("0.1.0", "1001", "['Alice', 'Bob']\n")


def test_it_installs_the_package_alone(installed: Path, tmp_path: Path) -> None:
    """Neither the server nor what it needs, and the marker of a typed package."""
    listing = (
        "import importlib.metadata as m, importlib.util as u, pathlib, viewstream\n"
        "print(*sorted(d.metadata['Name'].lower() for d in m.distributions()))\n"
        "print(*[n for n in ('server', 'engine', 'scripts', 'tail_view') if u.find_spec(n)])\n"
        "print((pathlib.Path(viewstream.__file__).parent / 'py.typed').exists())\n"
    )
    done = subprocess.run(
        [installed, "-c", listing], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    packages, others, is_typed = done.stdout.splitlines()
    assert set(packages.split()) - {"pip", "setuptools"} == {"msgspec", "viewstream", "websockets"}
    assert (others, is_typed) == ("", "True")


def test_every_module_but_three_imports_with_its_requirements_alone(installed: Path) -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "viewstream").rglob("*.py"))
    ]
    optional = {"viewstream.dsn", "viewstream.psycopg", "viewstream.poster"}
    assert optional < set(modules)
    statement = "; ".join(f"import {module}" for module in modules if module not in optional)
    subprocess.run([installed, "-c", statement], check=True, timeout=60, cwd=installed.parent)


def test_the_package_says_its_version_once() -> None:
    import viewstream

    assert viewstream.__version__.count(".") == 2
    assert 'version = "' not in (ROOT / "pyproject.toml").read_text().split("[tool.", 1)[0]
