"""Lint, format and types of the JavaScript: every warning is an error."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from server.http.library import strip_comments
from tests.support.npm import INSTALLS, TOOLS, node_for_vite, run, system_node, tool
from tests.support.processes import ROOT

pytestmark = INSTALLS

TESTS = ROOT / "tests" / "static"
CHECKED = ["static", TESTS / "types", *sorted(TESTS.glob("*.mjs")), *sorted(TOOLS.glob("*.mjs"))]
LIBRARY = ROOT / "static" / "viewstream"
IMPORT = re.compile(r'^(?!/\*\*| \*).*from "\./([\w/]+\.js)"', re.MULTILINE)  # not in comments


def test_lint_and_format() -> None:
    system_node()
    options = ["--error-on-warnings", f"--config-path={TOOLS / 'biome.jsonc'}"]
    result = run([tool("biome"), "check", *options, *CHECKED], ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_types() -> None:
    system_node()
    result = run([tool("tsc"), "--project", TOOLS], ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "lock", [TOOLS / "package-lock.json", TOOLS / "node" / "package-lock.json"], ids=str
)
def test_lock_files_name_no_registry(lock: Path) -> None:
    assert '"resolved"' not in lock.read_text("utf-8")


def imported(name: str, seen: set[str]) -> set[str]:
    """Return the modules that a module of the library imports, and itself."""
    if name not in seen:
        seen.add(name)
        for other in IMPORT.findall((LIBRARY / name).read_text("utf-8")):
            imported(other, seen)
    return seen


def test_the_package_ships_every_module_and_type() -> None:
    package = json.loads((LIBRARY / "package.json").read_text("utf-8"))
    for target in package["exports"].values():
        for file in target.values() if isinstance(target, dict) else [target]:
            assert (LIBRARY / file).is_file(), file


def test_every_module_is_used() -> None:
    used: set[str] = set()
    for entry in ("index.js", "shared.js", "react.js", "svelte.js"):
        imported(entry, used)
    assert used == {file.name for file in LIBRARY.glob("*.js")}


def test_the_core_stays_small() -> None:
    """As it is served: each module compressed by itself."""
    names = sorted(imported("index.js", set()))
    stripped = [strip_comments((LIBRARY / name).read_text("utf-8")) for name in names]
    assert len(gzip.compress("".join(stripped).encode(), 9)) < 18_800
    assert sum(len(gzip.compress(text.encode())) for text in stripped) < 24_300


def test_the_library_is_served_with_all_of_its_code(tmp_path: Path) -> None:
    """Without comments the bundler makes the same of it."""
    for folder, read in (("as_it_is", str), ("stripped", strip_comments)):
        (tmp_path / folder).mkdir()
        for file in LIBRARY.glob("*.js"):
            (tmp_path / folder / file.name).write_text(read(file.read_text("utf-8")), "utf-8")
    bundles = []
    for folder in ("as_it_is", "stripped"):
        files = [tmp_path / folder / name for name in ("index.js", "shared.js", "svelte.js")]
        for file in files:
            bundle = tmp_path / "bundle.js"
            run([node_for_vite(), tool("rolldown"), file, "--minify", "-o", bundle], ROOT)
            bundles.append(bundle.read_text("utf-8"))
    assert bundles[:3] == bundles[3:]
    for file in (tmp_path / "stripped").glob("*.js"):
        assert not re.search(r"^\s*//|/\*\*", file.read_text("utf-8"), re.MULTILINE), file


def test_the_core_is_small_in_a_bundle(tmp_path: Path) -> None:
    bundle = tmp_path / "core.js"
    arguments = [tool("rolldown"), LIBRARY / "index.js", "--minify", "-o", bundle]
    result = run([node_for_vite(), *arguments], ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(gzip.compress(bundle.read_bytes(), 9)) < 12_700


def test_the_lock_has_no_engines_of_optional_packages() -> None:
    """npm would leave those out for which its own Node is too old, though a newer one runs them."""
    packages = json.loads((TOOLS / "package-lock.json").read_text("utf-8"))["packages"]
    optional = {name for name, package in packages.items() if package.get("optional")}
    assert optional
    assert not [name for name in optional if "engines" in packages[name]]
