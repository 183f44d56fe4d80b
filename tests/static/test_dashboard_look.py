"""How the dashboard looks and reads: any window, any reader, any text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.static.dashboard_script import (
    ALICE,
    BOB,
    Scene,
    Views,
    edit,
    total,
    wait_for_editors,
    whole_scene,
)
from tests.support.npm import INSTALLS, TOOLS, install, system_node
from tests.support.scripted_stream import ScriptedStream

SMALL = {"width": 320, "height": 568}
PHONE = {"width": 360, "height": 740}
TABLET = {"width": 820, "height": 1180}
LAPTOP = {"width": 1280, "height": 900}
SCREEN = {"width": 3840, "height": 2160}
COLUMN = {"width": 1440, "height": 2560}
"""A screen on a wall that is higher than it is wide."""
WINDOWS = [SMALL, PHONE, TABLET, LAPTOP, SCREEN, COLUMN]

HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "\" onmouseover=\"document.title='owned'",
    "javascript:document.title='owned'",
    "&amp;<b>bold</b>",
    "__proto__",
    "漢字",
]
"""Shown as they are."""

MADE_VISIBLE = [
    ("\u202eevil\u202c", "⟨U+202E⟩evil⟨U+202C⟩"),
    ("   ", "␣␣␣"),
    ("\u00a0\u3164", "⟨U+00A0⟩⟨U+3164⟩"),
    ("bell\u0007\nline", "bell␇␊line"),
]


def test_names_of_editors_are_only_ever_text(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    names = [*HOSTILE, *(name for name, _ in MADE_VISIBLE[:3])]
    rows = [(name, str(100 - at)) for at, name in enumerate(names)]
    Views(stream.connection(0), 24, *rows)
    shown = [*HOSTILE, *(text for _, text in MADE_VISIBLE[:3])]
    wait_for_editors(page, *shown)
    assert page.locator("#race .name *").count() == 0
    assert page.locator("#race bdi.name").count() == len(names)
    page.locator("#race .name").nth(2).hover()
    expect(page).to_have_title("viewstream")


def test_titles_and_editors_of_edits_are_only_ever_text(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    hostile = [*HOSTILE[:3], *(name for name, _ in MADE_VISIBLE)]
    shown = [*HOSTILE[:3], *(text for _, text in MADE_VISIBLE)]
    rows = [edit(100 - at, title=text, user=text) for at, text in enumerate(hostile)]
    Scene(stream.connection(0), {"latest_edits": rows})
    expect(page.locator("#ticker li")).to_have_count(len(rows))
    for part in (".title a", ".editor"):
        texts = page.locator(f"#ticker {part}").evaluate_all("all => all.map(e => e.textContent)")
        assert texts == shown
    assert page.locator("#ticker bdi.title").count() == len(rows)
    assert page.locator("#ticker bdi.editor").count() == len(rows)


TEXTS_IN_THE_WAY = """() => {
  const place = ".site-header, .hero, .panel .head, #people dl, .site-footer";
  const pen = document.createElement("canvas").getContext("2d");
  // A font's box is higher than its letters: in some fonts those of good lines overlap.
  const inked = (rect, text, { fontStyle, fontWeight, fontSize, fontFamily }) => {
    pen.font = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
    const size = pen.measureText(text);
    const baseline = rect.top + size.fontBoundingBoxAscent;
    const top = baseline - size.actualBoundingBoxAscent;
    const bottom = baseline + size.actualBoundingBoxDescent;
    return { left: rect.left, right: rect.right, top, bottom };
  };
  const texts = [...document.querySelectorAll(place)].flatMap((part) => {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const { parentElement: parent, textContent } = walker.currentNode;
      const isSeen = parent.checkVisibility({ visibilityProperty: true });
      if (!textContent.trim() || !isSeen || parent.closest(".spoken")) continue;
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      const section = parent.closest(".panel, .total, .timeline, header, footer");
      const style = getComputedStyle(section);
      const edge = section.getBoundingClientRect().right - parseFloat(style.paddingRight);
      for (const box of range.getClientRects()) {
        const rect = inked(box, textContent, getComputedStyle(parent));
        found.push({ text: textContent.trim(), edge, rect });
      }
    }
    return found;
  });
  const faults = texts
    .filter(({ rect, edge }) => rect.right > edge + 1)
    .map(({ text }) => `${text}: passes the edge`);
  for (const [at, { text, rect: a }] of texts.entries()) {
    for (const { text: other, rect: b } of texts.slice(at + 1)) {
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (width > 1 && height > 1) faults.push(`${text}: lies on ${other}`);
    }
  }
  return faults;
}"""
"""Finds texts of headings and figures that lie on others, or pass the edge of their section."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", WINDOWS, ids=lambda size: size["width"])
def test_fits_its_window(
    stream: ScriptedStream, new_page: Callable[..., Page], scheme: str, viewport: Any
) -> None:
    page = new_page(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    name = "An editor with a name that is longer than any line of a phone can be"
    scene.become(
        counter=[("1234567890",)],
        top10_5min=[(name, "123456"), ALICE, BOB],
        latest_edits=[edit(200 + at, f"{name} {name}", name, 7_654_321) for at in range(9)],
    )
    wait_for_editors(page, name, "Alice", "Bob")
    expect(total(page)).to_have_text("1,234,567,890")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page_height = page.evaluate("document.documentElement.scrollHeight")
    assert viewport not in (SCREEN, COLUMN) or page_height <= viewport["height"]
    assert page.evaluate(TEXTS_IN_THE_WAY) == []


@pytest.mark.parametrize("viewport", [SCREEN, COLUMN], ids=lambda size: size["width"])
def test_a_large_screen_is_a_wall(
    stream: ScriptedStream, new_page: Callable[..., Page], viewport: Any
) -> None:
    page = new_page(viewport=viewport)
    page.goto(stream.url)
    whole_scene(stream.connection(0))
    expect(page.locator("#clock")).to_be_visible()
    button = page.get_by_role("button", name="Full screen")
    button.click()
    expect(page.get_by_role("button", name="Leave full screen")).to_be_visible()
    assert page.evaluate("document.fullscreenElement === document.documentElement")
    expect(page.locator("#wars")).to_be_in_viewport(ratio=1)
    covered = page.evaluate("""() => {
      const { left, right } = document.querySelector("main").getBoundingClientRect();
      const { bottom } = document.querySelector("#wars").getBoundingClientRect();
      return [(right - left) / innerWidth, bottom / innerHeight];
    }""")
    assert min(covered) > 0.9
    size = page.locator("#race .name").first.evaluate(
        "e => parseFloat(getComputedStyle(e).fontSize)"
    )
    assert size >= min(viewport.values()) / 60


@pytest.mark.parametrize(("query", "is_wall"), [("", False), ("?wall", True), ("?wall=off", False)])
def test_the_address_says_whether_it_is_a_wall(
    stream: ScriptedStream, page: Page, query: str, is_wall: bool
) -> None:
    page.goto(f"{stream.url}/{query}")
    whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    expect(page.locator("#clock")).to_be_visible(visible=is_wall)
    expect(page.locator(".site-nav")).to_be_visible(visible=not is_wall)


WATCH_SHIFTS = """
  window.shifts = 0;
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) window.shifts += shift.value;
  }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("viewport", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_nothing_jumps(
    stream: ScriptedStream, new_page: Callable[..., Page], viewport: Any
) -> None:
    page = new_page(viewport=viewport)
    page.add_init_script(WATCH_SHIFTS)
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    for change in range(20):
        rows = [(f"Editor {at}", str(100 + (at * 7 + change) % 10)) for at in range(10)]
        scene.become(counter=[(str(2000 + change * 1000),)], top10_5min=rows)
    expect(total(page)).to_have_text("21,000")
    scene.connection.close(1001, "retry=600")
    expect(page.locator("#notice")).to_be_visible()
    assert page.evaluate("shifts") < 0.05


def test_bars_and_choices_are_seen_in_the_colours_of_the_reader(
    stream: ScriptedStream, new_page: Callable[..., Page]
) -> None:
    """Where a system replaces all colours, two lengths of a bar still differ, and so on."""
    page = new_page(forced_colors="active", reduced_motion="reduce")
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    scene.become(top10_5min=[("Alice", "100"), ("Bob", "10")])
    wait_for_editors(page, "Alice", "Bob")
    long, short = (
        track.screenshot() for track in page.locator("#race li:not([inert]) .track").all()
    )
    assert long != short
    split = page.locator(".split").screenshot()
    scene.become(editors=[("people", "10"), ("bots", "1000")])
    expect(page.locator("[data-kind=people] .edits")).to_have_text("10")
    assert page.locator(".split").screenshot() != split
    chart = page.locator(".scrubber").screenshot()
    scene.become(edits_per_second=[])
    expect(page.locator("#highest")).to_have_text("")
    assert page.locator(".scrubber").screenshot() != chart
    for switch, choice in (("#race-switch", "#race-switch label:nth-of-type(2)"), ("#pause",) * 2):
        before = page.locator(switch).screenshot()
        page.locator(choice).click()
        page.mouse.move(0, 0)
        assert page.locator(switch).screenshot() != before
    current, other = page.locator(".site-nav a").all()[:2]
    outline = "e => getComputedStyle(e).outlineStyle"
    assert current.evaluate(outline) != other.evaluate(outline)


@INSTALLS
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["first", "live", "lost", "past", "wall"])
def test_axe_finds_nothing(
    stream: ScriptedStream, new_page: Callable[..., Page], scheme: str, state: str
) -> None:
    system_node()
    axe = (install(TOOLS) / "axe-core" / "axe.min.js").read_text("utf-8")
    page = new_page(color_scheme=scheme, reduced_motion="reduce")
    page.goto(f"{stream.url}/{'?wall' if state == 'wall' else ''}")
    connection = stream.connection(0)
    if state != "first":
        whole_scene(connection).become()
        expect(total(page)).to_have_text("1,024")
    if state == "lost":
        connection.close(1001, "retry=600")
        expect(page.locator("#notice")).to_be_visible()
    if state == "past":
        page.get_by_role("slider", name="Time that is shown").focus()
        page.keyboard.press("Home")
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_a_screen_reader_gets_everything_in_order(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    race = page.get_by_role("table", name="The busiest editors")
    expect(race.get_by_role("row")).to_have_count(11)
    assert race.get_by_role("row").nth(1).inner_text().split() == ["Editor", "0", "100"]
    expect(page.get_by_role("table", name="Edits by language").get_by_role("row")).to_have_count(4)
    chart = page.get_by_role("table", name="Edits a second")
    expect(chart.get_by_role("rowheader").first).to_have_text("the last minute")
    spoken = page.locator("main").aria_snapshot()
    order = ["Edits so far", "1,024", "Time that is shown", "Busiest editors", "Languages"]
    assert [spoken.index(text) for text in order] == sorted(spoken.index(text) for text in order)


def test_everything_is_reached_by_the_keyboard(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    whole_scene(stream.connection(0))
    expect(page.locator("#ticker a").first).to_be_visible()
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.innerText")
        )
    for place in ("Skip to the content", "time", "pause"):
        assert place in reached
    assert "Page 111" in reached


def test_a_list_has_as_many_items_as_its_window_has_room_for(
    stream: ScriptedStream, page: Page
) -> None:
    page.goto(f"{stream.url}/?wall")
    edits = [edit(100 + at, f"Page {at}", change=1000 - at) for at in range(9)]
    rows = [tuple(row[at] for at in (0, 1, 2, 3, 4, 6, 7, 8)) for row in edits]
    scene = Scene(stream.connection(0), {"biggest_changes": rows})
    items = page.locator("#biggest li:not([inert])")
    expect(items).to_have_count(3)
    for item in items.all():
        expect(item).to_be_in_viewport(ratio=0.99)
    page.set_viewport_size(PHONE)  # a phone is no wall
    scene.become()
    expect(items).to_have_count(4)
