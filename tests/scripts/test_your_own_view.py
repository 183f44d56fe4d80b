"""The recipes of `docs/your-own-view.md`: every block is run as it stands, up to a page that moves.

Only the ports are replaced by free ones. A block whose first line names a file is that file; a
block of `sh` is started, and goes on until the end of its recipe.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, expect
from psycopg2.extensions import parse_dsn

from scripts.child import ROOT
from scripts.ports import free_port
from scripts.text_query import text_query
from tests.static.conftest import chromium
from tests.support.clone import make_clone
from tests.support.postgres import postgres
from tests.support.processes import Process, start_engine, wait_until
from viewstream.engine import connection_options

__all__ = ["chromium", "postgres"]

TEXT = (ROOT / "docs" / "your-own-view.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"(?:--|#|//|<!--) (mine/\S+)")
CLOUD = "materialize.cloud"

Rows = list[str] | re.Pattern[str] | None
"""The items of the page after a block of `sh`, or a pattern of the first; None: no page yet."""

RECIPES: dict[str, list[Rows]] = {
    "A CSV file": [["Ann: 3", "Bob: 4"], ["Ann: 5", "Bob: 4"]],
    "A file of JSON lines": [["Ann: 3"], ["Ann: 3", "Bob: 4"]],
    "What a program prints": [None, re.compile(r"Ann: ([2-9]|\d\d)$")],
    "A table, with INSERT": [["Ann: 3"], ["Ann: 3", "Bob: 4"]],
    "A table of PostgreSQL": [[], ["Ann: 3"], ["Ann: 3", "Bob: 4"]],
    "Your own Materialize": [["Ann: 3"]],
    "nginx in front": [["Ann: 3"], ["Ann: 3"], ["Ann: 3", "Bob: 4"]],
}


class Recipe:
    """A clone in which the blocks of one recipe are run, and the page that shows the view."""

    def __init__(self, folder: Path, browser: Browser, stack: ExitStack, **env: str) -> None:
        self.clone = make_clone(folder / "clone")
        self.ports = {"8888": free_port(), "6875": free_port(), "8080": free_port()}
        self._page = stack.enter_context(browser.new_context()).new_page()
        self._stack = stack
        self._env = {"PYTHONWARNINGS": "default", **env}
        self._port = self.ports["8888"]
        self._is_open = False

    def with_ports(self, text: str) -> str:
        """Replace the ports of the text by free ones."""
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(free), text)
        ports = f"--port {self.ports['8888']} --engine-port {self.ports['6875']}"
        return text.replace("scripts/serve ", f"scripts/serve {ports} ")

    def write(self, name: str, text: str) -> None:
        file = self.clone / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.with_ports(text))

    def start(self, script: str) -> None:
        """Start a block of `sh`; if it runs a server, wait for its page."""
        command = ["bash", "-e", "-c", self.with_ports(script)]
        # A session of its own, so that all that the shell starts is ended with it.
        process = Process(["setsid", *command], stdout=None, cwd=self.clone, env=self._env)
        self._stack.callback(end_session, process)
        if "scripts/serve" in script:
            process.wait_for("    open      http")
        if script.startswith("nginx"):
            self._port = self.ports["8080"]
            self._is_open = False

    def expect_rows(self, rows: Rows) -> None:
        """Wait until the page shows the rows."""
        if rows is None:
            return
        if not self._is_open:
            wait_until(self._opens, "the page opens")
            self._is_open = True
        items = self._page.locator("li")
        if isinstance(rows, re.Pattern):
            expect(items.first).to_have_text(rows)
        else:
            expect(items).to_have_text(rows)

    def _opens(self) -> bool:
        try:
            return self._page.goto(f"http://127.0.0.1:{self._port}/") is not None
        except Error:  # nobody listens yet
            return False


def end_session(process: Process) -> None:
    """End the shell and what it has started: all are of one process group."""
    if process.is_running:
        os.killpg(process.pid, signal.SIGTERM)
    process.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_ends_in_a_page_that_moves(
    title: str, tmp_path: Path, chromium: Browser, request: pytest.FixtureRequest
) -> None:
    env = {}
    if title == "A table of PostgreSQL":
        env["POSTGRES"] = request.getfixturevalue("postgres")
    if title == "nginx in front" and shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    if "psql" in SECTIONS[title] and shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    expected = iter(RECIPES[title])
    with ExitStack() as stack:
        recipe = Recipe(tmp_path, chromium, stack, **env)
        if title == "Your own Materialize":
            start_materialize(recipe, stack)
        for language, text in BLOCK.findall(SECTIONS["The page"] + SECTIONS[title]):
            file = FILE.match(text)
            if file is not None:
                recipe.write(file[1], text)
            elif language == "sh" and CLOUD not in text:
                recipe.start(text)
                recipe.expect_rows(next(expected))
    assert list(expected) == []


def start_materialize(recipe: Recipe, stack: ExitStack) -> None:
    """Run an engine at the port of the recipe, with the view: it stands for a Materialize."""
    engine, dsn = start_engine(listen=f"127.0.0.1:{recipe.ports['6875']}")
    stack.enter_context(engine)
    text_query(dsn, "CREATE MATERIALIZED VIEW spend AS SELECT 'Ann' AS customer, 3 AS total")


def test_every_recipe_is_tried() -> None:
    others = {"The page", "Vite in front"}
    assert set(SECTIONS) == {*RECIPES, *others}


def test_the_dsn_of_the_cloud_is_one(tmp_path: Path) -> None:
    """Its parts reach libpq as they were written: password, TLS and cluster."""
    (script,) = (text for _, text in BLOCK.findall(TEXT) if CLOUD in text)
    export = script.partition("scripts/serve")[0]
    shown = subprocess.run(
        ["sh", "-c", f'{export} printf %s "$VIEWSTREAM_DSN"'], capture_output=True, text=True
    )
    options = connection_options(parse_dsn(shown.stdout))
    assert (options["sslmode"], options["password"]) == ("require", "mzp_0123")
    assert "-c cluster=quickstart" in options["options"]


def test_the_configuration_of_vite_is_the_one_that_is_tried_with_vite() -> None:
    """`tests/static/test_apps.py` runs the one of docs/client.md."""
    (config,) = (text for _, text in BLOCK.findall(SECTIONS["Vite in front"]))
    assert config in (ROOT / "docs" / "client.md").read_text("utf-8")
