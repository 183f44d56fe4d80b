"""The dashboard in a real browser, with a scripted server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.static.dashboard_script import ALICE, BOB, CAROL, Views, total, wait_for_editors
from tests.support.processes import wait_until
from tests.support.scripted_stream import ScriptedStream


def test_shows_the_count_and_the_bars(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    expect(page.locator("#standing-text")).to_have_text("Connecting")
    expect(total(page)).to_have_text("\N{EN DASH}")
    connection = stream.connection(0)
    assert connection.views == ["counter", "top10"]
    views = Views(connection, 1024, BOB, ALICE)
    wait_for_editors(page, "Alice", "Bob")
    expect(total(page)).to_have_text("1,024")
    expect(page.locator("#standing-text")).to_have_text("Live")
    expect(page.locator("#source")).to_have_text("Source: generated")
    views.become(1031, BOB, ("Alice", "13"), CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    expect(page.locator("#bars li .count")).to_have_text(["13", "9", "3"])
    expect(total(page)).to_have_text("1,031")


def test_bars_are_as_long_as_their_counts(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 24, ("Alice", "12"), ("Bob", "6"), ("Carol", "3"))
    wait_for_editors(page, "Alice", "Bob", "Carol")
    widths = page.locator(".fill").evaluate_all("fills => fills.map(f => f.offsetWidth)")
    assert widths[1] / widths[0] == pytest.approx(0.5, abs=0.01)
    assert widths[2] / widths[0] == pytest.approx(0.25, abs=0.01)


def test_a_bar_belongs_to_its_editor_when_ranks_change(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB, CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    page.evaluate("for (const li of document.querySelectorAll('#bars li')) li.was = li.innerText")
    views.become(30, ALICE, ("Bob", "15"), ("Dora", "4"))
    wait_for_editors(page, "Bob", "Alice", "Dora")
    was = page.locator("#bars li").evaluate_all("items => items.map(li => li.was ?? null)")
    assert [text and text.split("\n")[1] for text in was] == ["Bob", "Alice", None]
    expect(page.locator("#bars li .rank")).to_have_text(["1", "2", "3"])


RECORD_MOTION = """() => {
  window.motions = [];
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (...args) {
    if (this.tagName === "LI") window.motions.push(this.querySelector(".name").textContent);
    return animate.apply(this, args);
  };
}"""


def test_ranks_change_with_motion(stream: ScriptedStream, new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB, CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    page.evaluate(RECORD_MOTION)
    views.become(30, ALICE, ("Bob", "15"), CAROL)
    wait_for_editors(page, "Bob", "Alice", "Carol")
    assert sorted(page.evaluate("window.motions")) == ["Alice", "Bob"]


def test_nothing_moves_where_less_motion_is_asked_for(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    page.evaluate(RECORD_MOTION)
    views.become(30, ALICE, ("Bob", "15"))
    wait_for_editors(page, "Bob", "Alice")
    assert page.evaluate("window.motions") == []
    assert page.evaluate("document.getAnimations().length") == 0


HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "\" onmouseover=\"document.title='owned'",
    "javascript:document.title='owned'",
    "\u202eevil\u202c",
    "&amp;<b>bold</b>",
    "__proto__",
    "漢字",
]


def test_names_of_editors_are_only_ever_text(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    rows = [(name, str(100 - at)) for at, name in enumerate(HOSTILE)]
    Views(stream.connection(0), 24, *rows)
    expect(page.locator("#bars li")).to_have_count(len(HOSTILE))
    assert page.locator("#bars li .name").evaluate_all("n => n.map(e => e.textContent)") == HOSTILE
    assert page.locator("#bars li .name *").count() == 0
    page.locator("#bars li .name").nth(2).hover()
    assert page.title() == "viewstream"


def test_null_and_empty_names_are_told_apart(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 24, (None, "9"), ("", "8"), ("null", "7"))
    wait_for_editors(page, "not known", "no name", "null")


def test_counts_keep_every_digit(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 2**63 - 1, ("Alice", str(2**53 + 1)))
    expect(total(page)).to_have_text("9,223,372,036,854,775,807")
    expect(page.locator(".count")).to_have_text("9,007,199,254,740,993")


def test_an_empty_view_shows_as_empty(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    expect(page.locator("#editors-note")).to_have_text("Waiting for the first rows.")
    views = Views(stream.connection(0), 0)
    expect(total(page)).to_have_text("0")
    expect(page.locator("#editors-note")).to_have_text("No edits yet: the view is empty.")
    expect(page.locator("#standing-text")).to_have_text("Live")
    views.become(1, CAROL)
    wait_for_editors(page, "Carol")
    expect(page.locator("#editors-note")).to_be_hidden()


QUEUE_FRAMES = """() => {
  window.frames_ = [];
  window.requestAnimationFrame = (paint) => window.frames_.push(paint);
}"""


def test_a_hidden_tab_paints_the_latest_rows_once_when_it_is_shown_again(
    stream: ScriptedStream, page: Page
) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 12, ALICE)
    wait_for_editors(page, "Alice")
    # A hidden tab gets no frames.
    page.evaluate(QUEUE_FRAMES)
    for count in range(13, 63):
        views.become(count, ("Alice", str(count)))
    paints = []

    def shows_the_latest() -> bool:
        paints.append(page.evaluate("frames_.splice(0).map(paint => paint()).length"))
        return bool(total(page).inner_text() == "62")

    wait_until(shows_the_latest, "the latest total")
    assert max(paints) == 1


PHONE = {"width": 360, "height": 740}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 900}])
def test_fits_its_window_and_can_be_read(
    stream: ScriptedStream, new_page: Callable[..., Page], scheme: str, viewport: Any
) -> None:
    page = new_page(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    page.goto(stream.url)
    rows = [("An editor with a name that is longer than any line of a phone", "123456"), ALICE]
    Views(stream.connection(0), 1_234_567_890, *rows)
    expect(page.locator("#bars li")).to_have_count(2)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    for selector in ("h1", "h2", ".name", ".count", ".rank", "#standing-text", "#age", "#source"):
        ratio = page.evaluate(CONTRAST, selector)
        assert ratio >= 4.5, f"{selector} has a contrast of {ratio:.2f}"


CONTRAST = """selector => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = text => rgb(text).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const element = document.querySelector(selector);
  let behind = element;
  const solid = e => (rgb(getComputedStyle(e).backgroundColor)[3] ?? 1) === 1;
  while (!solid(behind)) behind = behind.parentElement;
  const [a, b] = [light(getComputedStyle(element).color),
                  light(getComputedStyle(behind).backgroundColor)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


def test_a_screen_reader_gets_everything_in_order(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 1024, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    spoken = page.locator("main").aria_snapshot()
    assert "Edits so far" in spoken
    assert "1,024" in spoken
    assert spoken.count("listitem") == 2
    assert spoken.index("Alice") < spoken.index("Bob")
    expect(page.get_by_role("list", name="")).to_have_count(1)
