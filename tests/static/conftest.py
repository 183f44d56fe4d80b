"""A real Chromium without a window, and a page that must not complain."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.static.apps import App
from tests.support.npm import TOOLS, install, run, system_node
from tests.support.processes import PATIENCE, ROOT
from tests.support.scripted_stream import ScriptedStream

expect.set_options(timeout=PATIENCE * 1000)  # the machine may be busy
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


CLOSED_EARLY = "WebSocket is closed before the connection is established."
"""A warning of Chromium about a page that a test closes, at its end, while the page connects."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Of one module, not of the session: while Playwright runs, no test may run a loop of its own.
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def stream() -> Iterator[ScriptedStream]:
    with ScriptedStream() as stream:
        yield stream


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens a page (its options are the context's).

    At the end of the test the page must have loaded nothing from another host, thrown nothing,
    and put no warning or error on its console.
    """
    contexts = []
    complaints: list[str] = []
    hosts: set[str] = set()
    is_over = False

    def note(kind: str, text: str) -> None:
        if kind in ("warning", "error") and not (is_over and text.endswith(CLOSED_EARLY)):
            complaints.append(text)

    def open_page(**options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: note(message.type, message.text))
        page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
        return page

    yield open_page
    is_over = True
    for context in contexts:
        context.close()
    assert complaints == []
    assert hosts <= {"127.0.0.1"}


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page(reduced_motion="reduce")


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as `npm pack` makes it."""
    system_node()
    install(TOOLS)
    folder = tmp_path_factory.mktemp("pack")
    result = run(["npm", "pack", "--pack-destination", folder], ROOT / "static" / "viewstream")
    assert result.returncode == 0, result.stderr
    return next(folder.glob("*.tgz"))


@pytest.fixture
def app(archive: Path, tmp_path: Path) -> App:
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for package in install(TOOLS).iterdir():
        if not package.name.startswith("."):
            (modules / package.name).symlink_to(package)
    # By tar: the filter of Python's own module came with 3.11.4, and 3.14 demands it.
    subprocess.run(["tar", "-xzf", archive, "-C", modules], check=True)
    (modules / "package").rename(modules / "viewstream")
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
    return App(tmp_path)
