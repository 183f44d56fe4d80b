"""Apps that have the npm package installed, for the tests of React, Svelte and Node."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.npm import node_for_vite, run
from tests.support.processes import ROOT
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import Base, Column, Status

TEXT = (ROOT / "docs" / "client.md").read_text("utf-8")
EPOCH = "1-u1"
COLUMNS = [Column("user", "text"), Column("count", "int8")]
BOB, ALICE = ("Bob", "9"), ("<b>Alice</b>", "12")
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
PAGE = """<!doctype html><link rel=icon href=data:><title>app</title>
<div id="root"></div><script type="module" src="./src/main.{suffix}"></script>
"""


def example(heading: str, language: str) -> str:
    """Return the first code block of a language below a heading of docs/client.md."""
    section = TEXT[TEXT.index(f"# {heading}\n") :]
    match = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert match is not None
    return match[1]


def send_views(connection: Connection) -> None:
    """Send `top10`, and nothing of the other views."""
    for view in connection.views:
        if view.startswith("top10"):
            connection.send(Base("top10", EPOCH, 10, COLUMNS, [BOB, ALICE]))
            connection.send(Status("top10", "live"))


@dataclass
class App:
    """A folder with an app, in which the package and the tools are installed."""

    folder: Path
    files: dict[str, str] = field(default_factory=dict)

    def write(self, **files: str) -> None:
        for name, text in self.files.items() | files.items():
            place = self.folder / name.replace("__", "/")
            place.parent.mkdir(exist_ok=True)
            place.write_text(text, "utf-8")

    def vite(self, *arguments: str) -> list[str | Path]:
        return [
            node_for_vite(),
            self.folder / "node_modules" / "vite" / "bin" / "vite.js",
            *arguments,
        ]

    def build_into(self, stream: ScriptedStream) -> str:
        """Build the app, and return the address where `stream` serves it."""
        result = run(self.vite("build", "--base", "./"), self.folder)
        assert result.returncode == 0, result.stdout + result.stderr
        for file in (self.folder / "dist").rglob("*.*"):
            name = str(file.relative_to(self.folder / "dist"))
            stream.files[name] = (TYPES[file.suffix], file.read_text("utf-8"))
        return f"{stream.url}/own/index.html"


def expect_rows(page: Page, *rows: str) -> None:
    expect(page.locator("ol li")).to_have_text(list(rows))
