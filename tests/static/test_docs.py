"""The examples of `docs/client.md` do what the text says."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.processes import ROOT, wait_until
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import Base, Column, Delta

TEXT = (ROOT / "docs" / "client.md").read_text()
COLUMNS = [Column("user", "text"), Column("count", "int8")]
ROWS = [("Bob", "9"), ("<b>Alice</b>", "12")]


def example(language: str, heading: str = "A plain page") -> str:
    """Return the first code block of a language below a heading."""
    section = TEXT[TEXT.index(f"# {heading}\n") :]
    match = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert match is not None
    return match[1]


def send_top10(connection: Connection) -> None:
    connection.send(Base("top10", "1-u1", 10, COLUMNS, ROWS))


def test_the_page_of_twelve_lines(stream: ScriptedStream, page: Page) -> None:
    script = example("js")
    assert len(script.splitlines()) == 12
    icon = "<!doctype html><link rel=icon href=data:>"  # else the browser asks for one
    stream.files["page.html"] = ("text/html", icon + example("html"))
    stream.files["page.js"] = ("text/javascript", script)
    stream.on_open = send_top10
    page.goto(f"{stream.url}/own/page.html")
    expect(page.locator("ol li")).to_have_text(["<b>Alice</b>: 12", "Bob: 9"])


TOTAL = [Column("total", "int8")]
DRAW = """
import { follow } from "/viewstream/index.js";

const stream = follow(["total", "bars"]);
window.stream = stream;
window.draws = [];
function draw(time, total, bars) {
  window.draws.push([time, total, bars.reduce((sum, { count }) => sum + count, 0)]);
}
"""


def test_the_total_is_the_sum_of_the_bars_at_every_call(stream: ScriptedStream, page: Page) -> None:
    icon = "<!doctype html><link rel=icon href=data:>"
    script = DRAW + example("js", "All views at one time")
    stream.files["page.html"] = ("text/html", f"{icon}<script type=module src=page.js></script>")
    stream.files["page.js"] = ("text/javascript", script)
    page.goto(f"{stream.url}/own/page.html")
    connection = stream.connection(0)
    connection.send(Base("total", "1-u1", 10, TOTAL, [("21",)]))
    connection.send(Base("bars", "1-u2", 10, COLUMNS, ROWS))
    for time in range(10, 60, 10):
        count = 21 + time // 10
        total = [(time, -1, (str(count - 1),)), (time, 1, (str(count),))]
        bars = [(time, 1, (f"editor {time}", "1"))]
        # Two views are never sent at the same moment, and rarely cut at the same times.
        connection.send(Delta("total", "1-u1", time, time + 10, total))
        connection.send(Delta("bars", "1-u2", time, time + 5, bars))
        connection.send(Delta("bars", "1-u2", time + 5, time + 10, []))
        # A page that is slow draws several times at once.
        drawn = f"draws.at(-1)?.[0] === {time + 10}"
        wait_until(lambda drawn=drawn: page.evaluate(drawn), drawn)
    draws = page.evaluate("draws")
    assert len(draws) > 5
    assert [(total, total) for _, total, _ in draws] == [(t, b) for _, t, b in draws]


def test_a_page_follows_a_part(stream: ScriptedStream, page: Page) -> None:
    name = "orders[tenant='New York']"
    columns = [Column("tenant", "text"), Column("item", "text")]
    icon = "<!doctype html><link rel=icon href=data:>"
    html = "<h1></h1><ul></ul><script type=module src=page.js></script>"
    stream.files["page.html"] = ("text/html", icon + html)
    stream.files["page.js"] = ("text/javascript", example("js", "Only a part of a view"))
    page.goto(f"{stream.url}/own/page.html?tenant=New+York")
    connection = stream.connection(0)
    assert connection.views == [name]
    connection.send(Base(name, "1-u1", 10, columns, [("New York", "tea")]))
    expect(page.locator("h1")).to_have_text(name)
    expect(page.locator("ul li")).to_have_text(["tea"])
    moved = [(10, -1, ("New York", "tea")), (10, 1, ("New York", "milk"))]
    connection.send(Delta(name, "1-u1", 10, 20, moved))
    expect(page.locator("ul li")).to_have_text(["milk"])
