"""Every link, command, file and place that the docs name exists."""

import os
import re
from pathlib import Path

import pytest

from tests.support.processes import ROOT

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_links_lead_somewhere(doc: Path) -> None:
    text = doc.read_text("utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [
        link for link in links if "://" not in link and not (doc.parent / link).resolve().exists()
    ]
    assert not missing


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_commands_can_be_run(doc: Path) -> None:
    text = doc.read_text("utf-8")
    for command in set(re.findall(r"(?<![\w/])(?:scripts|\.ci)/\w+(?![\w/.*])", text)):
        place = ROOT / command
        assert place.is_dir() or os.access(place, os.X_OK), f"{doc.name} names {command}"
    for file in set(re.findall(r"(?<![\w/.])(?:scripts|server|tests|sql|docs)/[\w/]+\.\w+", text)):
        is_installed = "/node_modules/" in file  # is there once the tests have run
        assert is_installed or (ROOT / file).exists(), f"{doc.name} names {file}"


def test_the_readme_shows_the_page_and_begins_with_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert "](docs/screenshot.png)" in text
    first_block = text.split("```")[1]
    commands = [line.split("#")[0].strip() for line in first_block.splitlines()[1:] if line]
    assert commands == ["scripts/demo", "scripts/demo --check"]


def test_the_readme_has_the_example_that_is_tested_in_a_browser() -> None:
    example = r"```js\n(.*?)```"
    readme = re.search(example, (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    client = re.search(example, (ROOT / "docs" / "client.md").read_text("utf-8"), re.DOTALL)
    assert readme is not None
    assert client is not None
    assert readme[1] == client[1]


def places() -> list[tuple[str, str]]:
    """(file, name) of each place in the table "Where to look"."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text.partition("## Where to look")[2]
    return re.findall(r"`([\w/.]+\.(?:py|js)):([\w.]+)`", table)


def test_the_table_of_places_has_some_twenty_rows() -> None:
    assert len(places()) >= 20


@pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
def test_tests_that_docs_name_are_there(doc: Path) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", doc.read_text("utf-8"))
    missing = [
        f"{file}::{name}"
        for file, name in named
        if f"def {name}(" not in (ROOT / file).read_text("utf-8")
    ]
    assert not missing


def test_every_threat_has_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    tables = re.findall(r"^\| threat .*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    rows = [row for table in tables for row in table.splitlines()]
    assert len(rows) > 10
    assert not [row for row in rows if "::test_" not in row]


@pytest.mark.parametrize(("file", "name"), places())
def test_where_to_look_names_what_is_there(file: str, name: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    for part in name.split("."):
        assert re.search(
            rf"(?:\b(?:class|def|function\*?)\s+{part}\b|^{part}\b[^=]*=)", text, re.MULTILINE
        ), f"{file} defines no {part}"
