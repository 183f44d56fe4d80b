"""The page /pipeline in a real Chromium, from a scripted server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from itertools import pairwise
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
FLOWS: dict[str, tuple[str, list[Row]]] = {
    "mz_dataflow_operator_dataflows": (
        "id int8, name text, worker int8, dataflow_id int8, dataflow_name text",
        [
            ("11", "Get wikimedia", "0", "7", "Dataflow: materialize.public.counter"),
            ("12", "Reduce", "0", "7", "Dataflow: materialize.public.counter"),
            ("13", "Arrange counter", "0", "7", "Dataflow: materialize.public.counter"),
            ("21", "Get <b>x</b>\u202e", "0", "8", "Dataflow: materialize.public.<i>top</i>"),
            ("22", "TopK", "0", "8", "Dataflow: materialize.public.<i>top</i>"),
        ],
    ),
    "mz_dataflow_operator_addresses": (
        "id int8, worker int8, address int8[]",
        [
            *(("11", "0", "{7,1}"), ("12", "0", "{7,2}"), ("13", "0", "{7,3}")),
            *(("14", "0", "{7}"), ("15", "0", "{7}"), ("24", "0", "{8}")),
            *(("21", "0", "{8,1}"), ("22", "0", "{8,2}")),
        ],
    ),
    "mz_dataflow_channels": (
        "id int8, worker int8, source_node int8, source_port int8, target_node int8, "
        "target_port int8",
        [
            ("14", "0", "1", "0", "2", "0"),
            ("15", "0", "2", "0", "3", "0"),
            ("24", "0", "1", "0", "2", "0"),
        ],
    ),
    "mz_message_counts": (
        "channel int8, source_worker int8, target_worker int8, sent int8, received int8",
        [("14", "0", "0", "1000", "1000"), ("24", "0", "0", "5", "5")],
    ),
    "mz_records_per_dataflow_operator": (
        "id int8, name text, worker int8, dataflow_id int8, records int8",
        [("12", "Reduce", "0", "7", "1234")],
    ),
}
"""The tables about dataflows: columns and rows."""
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


class Flows:
    """The tables about dataflows, beside the views of `Pipeline`."""

    def __init__(self, stream: ScriptedStream, page: Page) -> None:
        stream.views = [entry(name, frontier=now()) for name in [*NAMES, *FLOWS]]
        page.goto(f"{stream.url}/pipeline")
        connection = stream.connection(0)
        self.pipeline = Pipeline(connection)
        self.pipeline.tails.become(*tails(*NAMES, *FLOWS))
        self.tables = {
            name: Table(connection, rows, [Column(*one.split()) for one in text.split(", ")], name)
            for name, (text, rows) in FLOWS.items()
        }

    def send(self, channel: str, sent: int, seconds: int) -> None:
        """Let rows pass a channel, some seconds later."""
        counts = self.tables["mz_message_counts"]
        others = [row for row in counts.rows if row[0] != channel]
        row: Row = (channel, "0", "0", str(sent), str(sent))
        counts.become(*others, row, upper=counts.frontier + 1000 * seconds)


def test_the_dataflow_of_a_view_is_drawn(listed: ScriptedStream, page: Page) -> None:
    flows = Flows(listed, page)
    boxes = page.locator(".operator")
    expect(boxes).to_have_count(3)
    expect(page.get_by_label("of the view")).to_have_value("counter")
    assert [text.split() for text in boxes.all_inner_texts()] == [
        ["Get", "wikimedia"],
        ["Reduce", "1,234", "kept"],
        ["Arrange", "counter"],
    ]
    assert page.locator(".picture path").count() == 2
    flows.send("14", 1500, seconds=5)
    expect(page.locator(".flow").first).to_have_text("100/s")
    expect(page.locator(".picture path[data-flows]")).to_have_count(1)
    places = [box.bounding_box() for box in boxes.all()]
    assert all(place is not None for place in places)
    lefts = [place["x"] for place in places if place is not None]
    assert lefts == sorted(lefts)
    assert min(b - a for a, b in pairwise(lefts)) > 112
    spoken = page.get_by_role("table", name="The channels of the dataflow")
    expect(spoken.get_by_role("row", name="Get wikimedia to Reduce")).to_contain_text("1,234")


def test_another_view_is_chosen_by_the_keyboard(listed: ScriptedStream, page: Page) -> None:
    """Its names are text, whatever is in them."""
    Flows(listed, page)
    expect(page.locator(".operator")).to_have_count(3)
    choice = page.get_by_label("of the view")
    choice.focus()
    page.keyboard.press("Home")
    expect(choice).to_have_value("<i>top</i>")
    expect(page.locator(".operator bdi").first).to_have_text("<b>x</b>⟨U+202E⟩")
    expect(page).to_have_url(re.compile("dataflow="))
    page.reload()
    listed.connection(1)
    assert page.locator(".operator b, #dataflow i").count() == 0


def test_without_the_tables_there_is_no_dataflow(listed: ScriptedStream, page: Page) -> None:
    page.goto(f"{listed.url}/pipeline")
    Pipeline(listed.connection(0))
    expect(hop(page, "tails")).to_have_attribute("data-state", "ok")
    expect(page.locator("#dataflow")).to_be_hidden()


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
    flows = Flows(listed, page)
    expect(page.locator(".operator")).to_have_count(3)
    flows.send("14", 1500, seconds=5)
    expect(page.locator(".flow").first).to_have_text("100/s")
    flows.pipeline.tails.become(*tails(*NAMES[1:], *FLOWS))
    expect(hop(page, "tails")).to_have_attribute("data-state", "bad")
    page.locator("#messages-box summary").click()
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_fits_a_phone(listed: ScriptedStream, new_page: Callable[..., Page]) -> None:
    page = new_page(viewport=PHONE, is_mobile=True, has_touch=True)
    Flows(listed, page)
    expect(hop(page, "tails")).to_have_attribute("data-state", "ok")
    page.locator("#messages-box summary").click()
    expect(page.locator(".operator")).to_have_count(3)
    tops = [box.evaluate("e => e.offsetTop") for box in page.locator(".operator").all()]
    assert tops == sorted(set(tops)), "one below the other"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
