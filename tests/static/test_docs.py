"""The examples of `docs/client.md` do what the text says."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.processes import ROOT
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import Base, Column

TEXT = (ROOT / "docs" / "client.md").read_text()
COLUMNS = [Column("user", "text"), Column("count", "int8")]
ROWS = [("Bob", "9"), ("<b>Alice</b>", "12")]


def example(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
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
