"""The page as the real server serves it: its headers, its word on the source, its status."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.processes import start_server

NOBODY = "host=127.0.0.1 port=1 user=materialize dbname=materialize"


@pytest.fixture
def url() -> Iterator[str]:
    """A server whose engine is away."""
    process, url = start_server(
        NOBODY, "counter", "top10", options=["--about", "replayed </script> events"]
    )
    with process:
        yield url


def test_the_page_tells_what_the_server_waits_for(url: str, page: Page) -> None:
    page.goto(url)
    expect(page.locator("#standing-text")).to_have_text("Waiting")
    expect(page.locator("#notice")).to_contain_text("The server has no rows to show yet.")
    expect(page.locator("#source")).to_have_text("Source: replayed </script> events")
    expect(page.locator("#editors-note")).to_have_text("Waiting for the first rows.")
    page.close()


def test_the_page_says_that_its_views_are_not_served(chromium: Browser) -> None:
    process, url = start_server(NOBODY, "other")
    with process, chromium.new_context() as context:
        page = context.new_page()
        page.goto(url)
        notice = "The server refuses: the view 'counter' is not served here."
        expect(page.locator("#notice-text")).to_have_text(notice, timeout=20_000)


def test_the_page_says_why_it_is_refused_itself(chromium: Browser) -> None:
    """As when it came by a name that the server was not told of."""
    process, url = start_server(NOBODY, "other")
    sentence = "the host 'views.example' is not allowed: see --host"
    with process, chromium.new_context() as context:
        page = context.new_page()
        page.route(
            "**/view/frontier?*", lambda route: route.fulfill(status=403, json={"error": sentence})
        )
        page.goto(url)
        notice = f"The server refuses: {sentence}."
        expect(page.locator("#notice-text")).to_have_text(notice, timeout=20_000)


def test_says_null_when_nothing_was_said_of_the_source() -> None:
    process, url = start_server(NOBODY, "counter")
    with process, urllib.request.urlopen(f"{url}/about.json") as answer:
        assert json.load(answer) == {"source": None}
