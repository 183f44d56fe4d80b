"""Every page alike: offline and online, retry, frozen, the back button, keyboard, less motion."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.static.dashboard_script import COLUMNS
from tests.static.test_pipeline_page import STATISTICS, TAILS
from tests.static.test_views_pages import Table, entry, now
from tests.support.processes import wait_until
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import Column, Row, Status

PAGES = {
    "": "#race li:not([inert])",
    "views": ".view-card",
    "views/top10": "#body .row",
    "pipeline": ".hop[data-state=ok]",
}
"""Each page with an element that is there once it has rows."""
CONTENT: dict[str, tuple[list[Column], list[Row]]] = {
    "counter": ([Column("count", "int8")], [("7",)]),
    "top10": (COLUMNS["top10"], [("Alice", "1")]),
    "mz_source_statistics": (STATISTICS, [("u1", "s", "5", "51", "0", "followed")]),
    "mz_tails": (
        TAILS,
        [(name, "1", "3") for name in ("counter", "top10", "mz_source_statistics", "mz_tails")],
    ),
}


def serve(connection: Connection) -> None:
    """Send the views of `CONTENT` that are asked for, all up to one time; refuse the others."""
    tables: list[Table] = []
    for request in connection.views:
        name = request.split("@", maxsplit=1)[0]
        if name in CONTENT:
            columns, rows = CONTENT[name]
            tables.append(Table(connection, rows, columns, name))
        else:
            connection.send(Status(name, "refused", f"no view {name!r}"))
    latest = max((table.frontier for table in tables), default=0) + 1
    for table in tables:
        table.become(*table.rows, upper=latest)


@pytest.fixture
def served(stream: ScriptedStream) -> ScriptedStream:
    stream.views = [entry(name, frontier=now()) for name in CONTENT]
    stream.on_open = serve
    return stream


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of its own context: a browser itself complains of what does not load."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def open_page(served: ScriptedStream, page: Page, path: str) -> None:
    page.goto(f"{served.url}/{path}")
    wait_until_live(page, path)


def wait_until_live(page: Page, path: str) -> None:
    expect(page.locator(PAGES[path]).first).to_be_visible()
    expect(page.locator("#standing-text")).to_have_text("Live")


@pytest.mark.parametrize("path", PAGES)
def test_offline_and_online(served: ScriptedStream, page: Page, path: str) -> None:
    """The rows stay, the tab says so, and all goes on by itself."""
    open_page(served, page, path)
    title = page.title()
    page.context.set_offline(True)
    for connection in served.connections:
        connection.cut()
    expect(page.locator("#standing-text")).to_have_text("Reconnecting")
    expect(page.locator("#notice")).to_be_visible()
    expect(page).to_have_title(f"Reconnecting · {title}")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("d0342c"))
    expect(page.locator(PAGES[path].removesuffix("[data-state=ok]")).first).to_be_visible()
    page.context.set_offline(False)
    wait_until_live(page, path)
    expect(page).to_have_title(title)
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("path", PAGES)
def test_retry_now(served: ScriptedStream, page: Page, path: str) -> None:
    open_page(served, page, path)
    page.route("**/view/list", lambda route: route.abort())
    for connection in served.connections:
        connection.close(1001, "retry=600")
    expect(page.locator("#standing-text")).to_have_text("Reconnecting")
    page.unroute("**/view/list")
    page.get_by_role("button", name="Retry now").click()
    wait_until_live(page, path)


@pytest.mark.parametrize("path", PAGES)
def test_a_frozen_tab_goes_on(served: ScriptedStream, page: Page, path: str) -> None:
    open_page(served, page, path)
    before = len(served.connections)
    page.evaluate("document.dispatchEvent(new Event('freeze'))")
    for connection in served.connections:
        assert connection.wait_closed() is not None
    page.evaluate("document.dispatchEvent(new Event('resume'))")
    wait_until(lambda: len(served.connections) == 2 * before, "new connections")
    wait_until_live(page, path)


@pytest.mark.parametrize("path", PAGES)
def test_the_back_button(served: ScriptedStream, page: Page, path: str) -> None:
    open_page(served, page, path)
    page.goto(f"{served.url}/{'views' if path != 'views' else 'pipeline'}")
    expect(page.locator(".view-card, .hop").first).to_be_visible()
    page.go_back()
    wait_until_live(page, path)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_reached_by_the_keyboard(
    served: ScriptedStream, page: Page, path: str
) -> None:
    """From each page to each of the others, by the tab key alone; the focus is always seen."""
    open_page(served, page, path)
    skip = "Skip to the rows" if path == "views/top10" else "Skip to the content"
    wanted = {skip, "Edits", "Views", "Pipeline"}
    for _ in range(8):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.innerText")
        assert page.evaluate("document.activeElement.matches(':focus-visible')"), focused
        wanted.discard(focused)
        if not wanted:
            break
    assert wanted == set()


@pytest.mark.parametrize("path", ["", "pipeline", "views/top10"])
def test_less_motion(served: ScriptedStream, new_page: Callable[..., Page], path: str) -> None:
    page = new_page(reduced_motion="reduce")
    page.goto(f"{served.url}/{path}")
    wait_until_live(page, path)
    assert page.evaluate("document.getAnimations().length") == 0
