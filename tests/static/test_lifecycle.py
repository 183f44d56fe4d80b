"""Pages that the browser stores and brings back, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.static.conftest import CHROMIUM, QUIET
from tests.static.dashboard_script import (
    ALICE,
    BOB,
    COUNT,
    EPOCH,
    USER,
    total,
    wait_for_editors,
    whole_scene,
)
from tests.support.processes import wait_until
from tests.support.scripted_stream import ScriptedStream
from viewstream.protocol import Base, Delta


@pytest.fixture(scope="module")
def storing_chromium() -> Iterator[Browser]:
    """A Chromium with its back-forward cache, which Playwright turns off."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=QUIET,
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


SCRIPT = """
import { follow } from "/viewstream/index.js";

window.stream = follow(["top10"]);
window.top10 = stream.view("top10");
addEventListener("pageshow", ({ persisted }) => { window.isStored = persisted; });
"""
NOT_STORED = "performance.getEntriesByType('navigation')[0].notRestoredReasons?.reasons"


def test_a_page_comes_back_from_the_back_forward_cache(
    stream: ScriptedStream, storing_chromium: Browser
) -> None:
    head = "<!doctype html><link rel=icon href=data:>"
    stream.files["other.html"] = ("text/html", head)
    stream.files["page.html"] = ("text/html", f"{head}<script type=module src=page.js></script>")
    stream.files["page.js"] = ("text/javascript", SCRIPT)
    page = storing_chromium.new_page()
    page.goto(f"{stream.url}/own/page.html")
    stream.connection(0).send(Base("top10", EPOCH, 10, [USER, COUNT], [ALICE, BOB]))
    wait_until(lambda: page.evaluate("top10.loaded"), "the base")
    page.goto(f"{stream.url}/own/other.html")
    assert stream.connection(0).wait_closed() is not None
    page.go_back(wait_until="commit")
    wait_until(lambda: page.evaluate("window.isStored !== undefined"), "the page to be shown")
    assert page.evaluate("window.isStored") is True, page.evaluate(NOT_STORED)
    # The same document: its rows are there before any message comes.
    assert page.evaluate("top10.size") == 2
    assert stream.connection(1).views == [f"top10@{EPOCH}:10"]
    stream.connection(1).send(Delta("top10", EPOCH, 10, 20, [(11, -1, ALICE)]))
    wait_until(lambda: page.evaluate("top10.size") == 1, "the delta")
    assert page.evaluate("top10.standing.state") == "live"
    assert len(stream.connections) == 2
    page.close()


def test_the_back_button_brings_the_page_back_as_it_was(
    stream: ScriptedStream, storing_chromium: Browser
) -> None:
    stream.files["other.html"] = ("text/html", "<!doctype html><link rel=icon href=data:>")
    page = storing_chromium.new_page()
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    wait_for_editors(page, *(f"Editor {number}" for number in range(10)))
    page.evaluate("window.isStored = true")
    page.goto(f"{stream.url}/own/other.html")
    assert stream.connection(0).wait_closed() is not None
    page.go_back(wait_until="commit")
    assert page.evaluate("window.isStored")
    assert total(page).inner_text() == "1,024"
    scene.resume(stream.connection(1))
    scene.become(counter=[("1025",)])
    wait_until(lambda: total(page).inner_text() == "1,025", "the delta")
    page.close()
