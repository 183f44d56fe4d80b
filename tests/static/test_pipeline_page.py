"""The page /pipeline in a real Chromium, from a scripted server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.static.test_views_pages import PHONE, Table, entry, now
from tests.support.npm import INSTALLS, TOOLS, install, system_node
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import Column, Row

STATISTICS = [
    *(Column("id", "text"), Column("name", "text"), Column("rows_read", "int8")),
    *(Column("bytes_read", "int8"), Column("lines_left_out", "int8"), Column("file_state", "text")),
]
TAILS = [Column("name", "text"), Column("updates_sent", "int8"), Column("lag_ms", "int8")]
NAMES = ["counter", "top10", "mz_source_statistics", "mz_tails"]
METRICS = """
viewstream_posts_total{outcome="taken",view="top10"} 1234
viewstream_received_bytes_total 2.5e+06
viewstream_clients 7
"""


def tails(*names: str) -> list[Row]:
    return [(name, "100", "3") for name in names]


class Pipeline:
    """The four views that the page follows."""

    def __init__(self, connection: Connection) -> None:
        self.counter = Table(connection, [("1",)], [Column("count", "int8")], "counter")
        self.top10 = Table(connection, [("Alice", "1")])
        statistics: list[Row] = [("u1", "wikimedia", "5000", "5100000", "0", "followed")]
        self.statistics = Table(connection, statistics, STATISTICS, "mz_source_statistics")
        self.tails = Table(connection, tails(*NAMES), TAILS, "mz_tails")


@pytest.fixture
def listed(stream: ScriptedStream) -> ScriptedStream:
    stream.views = [entry(name, frontier=now()) for name in NAMES]
    stream.metrics = METRICS
    return stream


def hop(page: Page, name: str) -> Any:
    return page.locator(f"#{name}")


def test_each_hop_shows_its_figures(listed: ScriptedStream, page: Page) -> None:
    page.goto(f"{listed.url}/pipeline")
    assert sorted(listed.connection(0).views) == sorted(NAMES)
    Pipeline(listed.connection(0))
    for name, texts in {
        "file": ["5,000", "5.1 MB"],
        "tails": ["TAILs4", "Rows out400", "Streaming"],
        "server": ["1,234", "2.5 MB", "Clients7", "All views are live"],
        "page": ["Live"],
    }.items():
        for text in texts:
            expect(hop(page, name)).to_contain_text(text)
        expect(hop(page, name)).to_have_attribute("data-state", "ok")
    page.locator("#messages-box summary").click()
    expect(page.locator("#messages li").first).to_contain_text('"type":')
    expect(page.locator("#now")).to_have_text("Nothing is wrong.")
    expect(page.locator("#outages li")).to_have_count(0)


def test_a_rate_is_by_the_time_of_the_rows(listed: ScriptedStream, page: Page) -> None:
    """A base may be a minute old, and the delta after it brings a minute's lines at once."""
    page.goto(f"{listed.url}/pipeline")
    pipeline = Pipeline(listed.connection(0))
    expect(hop(page, "file")).to_contain_text("5,000")
    later = pipeline.statistics.frontier + 60_000
    row = ("u1", "wikimedia", "8000", "5100000", "0", "followed")
    pipeline.statistics.become(row, upper=later)
    expect(hop(page, "file")).to_contain_text("8,000")
    expect(hop(page, "file")).to_contain_text("New lines50 a second")


def test_a_pipe_that_is_killed_turns_red_and_heals(listed: ScriptedStream, page: Page) -> None:
    page.goto(f"{listed.url}/pipeline")
    pipeline = Pipeline(listed.connection(0))
    expect(hop(page, "tails")).to_have_attribute("data-state", "ok")
    expect(page.locator("#now")).to_have_text("Nothing is wrong.")
    pipeline.tails.become(*tails(*NAMES[1:]))
    expect(hop(page, "tails")).to_have_attribute("data-state", "bad")
    expect(hop(page, "tails")).to_contain_text("Nobody reads counter")
    expect(page.locator("#now")).to_contain_text("Nobody reads counter, for")
    deadline = time.monotonic() + 30
    pipeline.tails.become(*tails(*NAMES))
    while page.locator("#outages li").count() == 0 and time.monotonic() < deadline:
        pipeline.counter.become((str(now()),))
        pipeline.top10.become(("Alice", str(now())))
        page.wait_for_timeout(100)
    expect(page.locator("#outages li").first).to_contain_text("Nobody reads counter: converged")
    expect(page.locator("#outages li").first).to_contain_text("checksum equal")


def test_an_engine_that_is_away_is_red(listed: ScriptedStream, page: Page) -> None:
    page.goto(f"{listed.url}/pipeline")
    Pipeline(listed.connection(0))
    expect(hop(page, "engine")).to_contain_text("Time")
    problem = "the engine does not answer"
    listed.views = [entry(name, state="stale", problem=problem) for name in NAMES]
    expect(hop(page, "engine")).to_have_attribute("data-state", "bad")
    expect(hop(page, "engine")).to_contain_text("The database does not answer")
    expect(hop(page, "file")).to_have_attribute("data-state", "unknown")


def test_a_killed_server_is_red(listed: ScriptedStream, chromium: Browser) -> None:
    page = chromium.new_page()  # a browser itself complains of what does not load
    page.goto(f"{listed.url}/pipeline")
    Pipeline(listed.connection(0))
    expect(hop(page, "server")).to_have_attribute("data-state", "ok")
    page.route("**/view/list", lambda route: route.abort())
    listed.connection(0).close(1001, "retry=600")
    expect(hop(page, "server")).to_contain_text("Does not answer")
    expect(hop(page, "page")).to_contain_text("Reconnecting")
    expect(page.locator("#notice")).to_contain_text("The connection is lost")
    page.close()


def test_names_and_messages_are_only_ever_text(stream: ScriptedStream, page: Page) -> None:
    name = "<img src=x onerror=\"document.title='owned'\">"
    stream.views = [entry(name), entry("mz_tails")]
    page.goto(f"{stream.url}/pipeline")
    Table(stream.connection(0), [("<script>x</script>", "1")], view=name)
    Table(stream.connection(0), tails("mz_tails"), TAILS, "mz_tails")
    expect(hop(page, "tails")).to_contain_text(f"Nobody reads {name}")
    page.locator("#messages-box summary").click()
    expect(page.locator("#messages li").filter(has_text="<script>").first).to_be_visible()
    expect(page).to_have_title("Pipeline · viewstream")


@INSTALLS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    listed: ScriptedStream, new_page: Callable[..., Page], scheme: str
) -> None:
    system_node()
    axe = (install(TOOLS) / "axe-core" / "axe.min.js").read_text("utf-8")
    page = new_page(color_scheme=scheme, reduced_motion="reduce")
    page.goto(f"{listed.url}/pipeline")
    pipeline = Pipeline(listed.connection(0))
    expect(hop(page, "tails")).to_have_attribute("data-state", "ok")
    pipeline.tails.become(*tails(*NAMES[1:]))
    expect(hop(page, "tails")).to_have_attribute("data-state", "bad")
    page.locator("#messages-box summary").click()
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_fits_a_phone(listed: ScriptedStream, new_page: Callable[..., Page]) -> None:
    page = new_page(viewport=PHONE, is_mobile=True, has_touch=True)
    page.goto(f"{listed.url}/pipeline")
    Pipeline(listed.connection(0))
    expect(hop(page, "tails")).to_have_attribute("data-state", "ok")
    page.locator("#messages-box summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
