"""The HTML files repeat their heads and headers, as there is no build step: these keep them equal.

A shared block that is edited in one file must be edited in all four.
"""

from __future__ import annotations

import re

import pytest

from scripts.child import ROOT

STATIC = ROOT / "static"
CURRENT = {"index.html": "Edits", "views.html": "Views", "view.html": "Views"}
CURRENT["pipeline.html"] = "Pipeline"
PAGES = sorted(path.name for path in STATIC.glob("*.html"))
OWN = re.compile(r"<title>|name=\"description\"|dashboard/(home|views|pipeline)/")
"""Lines of a head that a page has for itself."""
BLOCKS = [
    r"<nav class=\"site-nav\".*?</nav>",
    r"<p class=\"standing\".*?</p>",
    r"<aside class=\"notice\".*?</aside>",
]


def read(page: str) -> str:
    """Return the text of a page, with its addresses as from the root of the site."""
    text = (STATIC / page).read_text("utf-8")
    return re.sub(r'(href|src)="(?:\./|\.\./)', r'\1="', text)


def shared_head(page: str) -> list[str]:
    head = re.search(r"<!doctype.*?</head>", read(page), re.DOTALL)
    assert head is not None
    return [line for line in head[0].splitlines() if not OWN.search(line)]


def test_all_pages_are_known() -> None:
    assert sorted(CURRENT) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_heads_are_equal_but_for_title_description_and_own_files(page: str) -> None:
    assert shared_head(page) == shared_head("index.html")
    assert len(re.findall('<title>|name="description"', read(page))) == 2


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("page", PAGES)
def test_navigation_standing_and_notice_are_equal(page: str, block: str) -> None:
    def blocks(name: str) -> list[str]:
        text = re.sub(r' aria-current="\w+"', "", read(name))
        return re.findall(block, text, re.DOTALL)

    assert len(blocks(page)) == 1
    assert blocks(page) == blocks("index.html")


@pytest.mark.parametrize("page", PAGES)
def test_the_navigation_marks_the_page_itself(page: str) -> None:
    assert re.findall(r'aria-current="\w+">(\w+)</a>', read(page)) == [CURRENT[page]]
