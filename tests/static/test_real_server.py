"""The page as the real server serves it: its headers, its source, its refusals."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.processes import start_server

NO_ENGINE = "host=127.0.0.1 port=1 user=materialize dbname=materialize"


@pytest.fixture
def url() -> Iterator[str]:
    """A server whose engine cannot be reached."""
    process, url = start_server(
        NO_ENGINE, "counter", "top10", options=["--about", "replayed </script> events"]
    )
    with process:
        yield url


@pytest.fixture(params=["websocket", "sse"])
def transport_page(request: pytest.FixtureRequest, page: Page) -> Page:
    """A page that can use websockets, and one that cannot."""
    if request.param == "sse":
        page.add_init_script("delete globalThis.WebSocket")
    return page


def test_the_page_says_that_the_server_has_no_rows_yet(url: str, transport_page: Page) -> None:
    page = transport_page
    page.goto(url)
    expect(page.locator("#standing-text")).to_have_text("Waiting")
    expect(page.locator("#notice")).to_contain_text(
        "There is nothing to show yet: the database does not answer."
    )
    expect(page.locator("#source")).to_have_text("Source: replayed </script> events")
    expect(page.locator("#ticker .empty")).to_have_text("Waiting for the first rows.")
    page.close()


@pytest.mark.parametrize("init", ["", "delete globalThis.WebSocket"])
def test_the_page_says_that_its_views_are_not_served(chromium: Browser, init: str) -> None:
    process, url = start_server(NO_ENGINE, "other")
    with process, chromium.new_context() as context:
        page = context.new_page()
        page.add_init_script(init)
        page.goto(url)
        notice = "The server refuses this page: no view 'counter'; there is other."
        expect(page.locator("#notice-text")).to_have_text(notice)


def test_the_page_says_why_it_is_refused_itself(chromium: Browser) -> None:
    """As when it was loaded by a host name that the server does not allow."""
    process, url = start_server(NO_ENGINE, "other")
    sentence = "the host 'views.example' is not allowed: see --host"
    with process, chromium.new_context() as context:
        page = context.new_page()
        page.route_web_socket("**/view/stream?*", lambda ws: ws.close(code=4403, reason=sentence))
        page.goto(url)
        notice = f"The server refuses this page: {sentence}."
        expect(page.locator("#notice-text")).to_have_text(notice)


def test_a_server_without_a_source_answers_null() -> None:
    process, url = start_server(NO_ENGINE, "counter")
    with process, urllib.request.urlopen(f"{url}/about.json") as answer:
        assert json.load(answer) == {"source": None}
