"""The dashboard in a real browser, with a scripted server: what it shows."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.static.dashboard_script import (
    ALICE,
    BOB,
    CAROL,
    COLUMNS,
    Scene,
    Views,
    edit,
    total,
    wait_for_editors,
    whole_scene,
)
from tests.support.processes import wait_until
from tests.support.scripted_stream import ScriptedStream


def test_shows_the_count_and_the_bars(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    expect(page.locator("#standing-text")).to_have_text("Connecting")
    expect(total(page)).to_have_text("\N{EN DASH}")
    expect(page.locator("#people .bots")).to_be_hidden()
    connection = stream.connection(0)
    assert connection.views == list(COLUMNS)
    views = Views(connection, 1024, BOB, ALICE)
    wait_for_editors(page, "Alice", "Bob")
    expect(total(page)).to_have_text("1,024")
    expect(page.locator("#standing-text")).to_have_text("Live")
    expect(page.locator("#source")).to_have_text("Source: generated")
    views.become_total(1031, BOB, ("Alice", "13"), CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    expect(page.locator("#race .count")).to_have_text(["13", "9", "3"])
    expect(total(page)).to_have_text("1,031")
    expect(page.locator("#since")).to_contain_text("7 since you came at")


def test_every_view_has_its_panel(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    wait_for_editors(page, *(f"Editor {number}" for number in range(10)))
    expect(page.locator("#languages .name")).to_have_text(["English", "Deutsch", "العربية"])
    expect(page.locator("#languages .count")).to_have_text(["59%", "29%", "12%"])
    assert page.locator("#languages .name").nth(2).get_attribute("lang") == "ar"
    expect(page.locator("#people .share")).to_have_text(["75%", "25%"])
    expect(page.locator("#ticker .title")).to_have_text(
        [f"Page {at}" for at in range(111, 104, -1)]
    )
    link = page.locator("#ticker .title a").first
    expect(link).to_have_attribute("href", "https://en.wikipedia.org/w/index.php?diff=111")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(page.locator("#ticker .line").first).to_contain_text("English")
    expect(page.locator("#ticker .size").first).to_have_text("+10")
    expect(page.locator("#accounts .line")).to_contain_text("Newcomer")
    expect(page.locator("#accounts .line")).to_contain_text("1 edit")
    expect(page.locator("#biggest .size")).to_have_text("\N{MINUS SIGN}54,321")
    expect(page.locator("#wars li")).to_contain_text("3 people")
    expect(page.locator("#rate")).to_have_text("43 a second")
    expect(page.locator("#highest")).to_have_text(re.compile(r"highest: 4[3-6] a second"))
    scene.become(editors=[("people", "300"), ("bots", "700")])
    expect(page.locator("#people .share")).to_have_text(["30%", "70%"])


def test_panels_of_views_that_are_not_served_are_not_there(
    stream: ScriptedStream, page: Page
) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    for panel in ("languages", "people", "ticker", "accounts", "biggest", "wars"):
        expect(page.locator(f"#{panel}")).to_be_hidden()
    expect(page.locator("#race-switch")).to_be_hidden()
    expect(page.locator("#timeline")).to_be_hidden()
    expect(page.locator("#notice")).to_be_hidden()


def test_the_switch_of_the_race_keeps_its_place(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    whole_scene(stream.connection(0))
    expect(page.locator("#race .name").first).to_have_text("Editor 0")
    page.get_by_text("All time").click()
    expect(page.locator("#race li:not([inert]) .name").first).to_have_text("Of all time")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#race li:not([inert]) .name").first).to_have_text("Of the hour")
    page.reload()
    whole_scene(stream.connection(1))
    expect(page.locator("#race .name").first).to_have_text("Of the hour")
    expect(page.get_by_role("radio", name="Hour")).to_be_checked()


def test_bars_are_as_long_as_their_counts(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 24, ("Alice", "12"), ("Bob", "6"), ("Carol", "3"))
    wait_for_editors(page, "Alice", "Bob", "Carol")
    ends = page.locator("#race .fill").evaluate_all(
        "fills => fills.map(f => f.getBoundingClientRect().right"
        " - f.parentElement.getBoundingClientRect().left)"
    )
    assert ends[1] / ends[0] == pytest.approx(0.5, abs=0.01)
    assert ends[2] / ends[0] == pytest.approx(0.25, abs=0.01)


def test_a_bar_belongs_to_its_editor_when_ranks_change(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB, CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    page.evaluate("for (const li of document.querySelectorAll('#race li')) li.was = li.innerText")
    views.become_total(30, ALICE, ("Bob", "15"), ("Dora", "4"))
    wait_for_editors(page, "Bob", "Alice", "Dora")
    was = page.locator("#race li:not([inert])").evaluate_all("all => all.map(li => li.was ?? null)")
    assert [text and text.split("\n")[1] for text in was] == ["Bob", "Alice", None]
    expect(page.locator("#race li:not([inert]) .rank")).to_have_text(["1", "2", "3"])


RECORD_MOTION = """() => {
  window.motions = [];
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (frames, ...rest) {
    if (this.tagName === "LI") {
      const name = this.querySelector(".name").textContent;
      window.motions.push({ name, properties: Object.keys(frames), frames: frames.transform });
    }
    return animate.call(this, frames, ...rest);
  };
}"""


def test_ranks_change_by_transform_only(
    stream: ScriptedStream, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB, CAROL)
    wait_for_editors(page, "Alice", "Bob", "Carol")
    page.evaluate(RECORD_MOTION)
    views.become_total(30, ALICE, ("Bob", "15"), CAROL)
    wait_for_editors(page, "Bob", "Alice", "Carol")
    motions = page.evaluate("window.motions")
    assert sorted(motion["name"] for motion in motions) == ["Alice", "Bob"]
    assert all(motion["properties"] == ["transform"] for motion in motions)
    [bob] = [motion for motion in motions if motion["name"] == "Bob"]
    assert bob["frames"][0] == "translateY(100.00%)"  # from where it is


def test_nothing_moves_where_less_motion_is_asked_for(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    page.evaluate(RECORD_MOTION)
    views.become_total(30, ALICE, ("Bob", "15"))
    wait_for_editors(page, "Bob", "Alice")
    assert page.evaluate("window.motions") == []
    assert page.evaluate("document.getAnimations().length") == 0


def test_sixty_changes_of_order_a_second_become_a_few(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    page.evaluate("""() => {
      window.orders = [];
      window.began = performance.now();
      new MutationObserver(() => {
        const names = document.querySelectorAll("#race li:not([inert]) .name");
        window.orders.push([...names].map((n) => n.textContent).join());
      }).observe(document.querySelector("#race ol"), { childList: true });
    }""")
    for change in range(120):
        first, second = ("20", "10") if change % 2 else ("10", "20")
        views.become_total(30 + change, ("Alice", first), ("Bob", second))
    # At last Carol comes, and the order is the true one.
    views.become_total(200, ("Alice", "10"), ("Bob", "20"), ("Carol", "15"))
    wait_for_editors(page, "Bob", "Carol", "Alice")
    changes, milliseconds = page.evaluate("[orders.length, performance.now() - began]")
    assert changes <= max(40, milliseconds / 250)


def test_null_and_empty_names_are_told_apart(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 24, (None, "9"), ("", "8"), ("null", "7"))
    wait_for_editors(page, "not known", "no name", "null")


def test_counts_keep_every_digit(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Views(stream.connection(0), 2**63 - 1, ("Alice", str(2**53 + 1)))
    expect(total(page)).to_have_text("9,223,372,036,854,775,807")
    expect(page.locator("#race .count")).to_have_text("9,007,199,254,740,993")


def test_an_empty_view_shows_as_empty(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    empty = page.locator("#race .empty")
    views = Views(stream.connection(0), 0)
    expect(total(page)).to_have_text("0")
    expect(empty).to_have_text("No edits yet.")
    expect(page.locator("#standing-text")).to_have_text("Live")
    views.become_total(1, CAROL)
    wait_for_editors(page, "Carol")
    expect(empty).to_be_hidden()


def test_edits_come_one_by_one_and_stay_to_be_read(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    scene = Scene(stream.connection(0), {"latest_edits": [edit(at) for at in range(1, 21)]})
    expect(page.locator("#ticker li")).to_have_count(7)
    page.evaluate("for (const li of document.querySelectorAll('#ticker li')) li.was = true")
    # A hundred new edits at once: all that were there could be replaced.
    rows = [edit(at, f"Page {at}", change=-at) for at in range(101, 121)]
    rows[-1] = (*rows[-1][:-1], "t")  # the newest one is by a bot
    scene.become(latest_edits=rows)
    # People come first.
    page.wait_for_function("""() => {
      const [first] = document.querySelectorAll("#ticker li:not([inert]) .title");
      const stays = [...document.querySelectorAll("#ticker li")].some((li) => li.was);
      return first.textContent === "Page 119" && stays;
    }""")


def test_the_ticker_waits_while_it_is_read(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    scene = Scene(stream.connection(0), {"latest_edits": [edit(at) for at in range(1, 9)]})
    expect(page.locator("#ticker li")).to_have_count(7)
    page.get_by_role("button", name="Pause").click()
    scene.become(latest_edits=[edit(50, "Later"), *(edit(at) for at in range(1, 9))])
    scene.become()
    expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("Later")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    page.mouse.move(1, 1)
    expect(page.locator("#ticker li:not([inert]) .title").first).to_have_text("Later")


def test_a_link_leads_to_the_web_only(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    harmful = ["javascript:alert(1)", "data:text/html,x", "http://plain.example", "//other", ""]
    rows = [(*edit(at)[:6], url, *edit(at)[7:]) for at, url in enumerate(harmful)]
    Scene(stream.connection(0), {"latest_edits": rows})
    expect(page.locator("#ticker li")).to_have_count(len(harmful))
    expect(page.locator("#ticker a")).to_have_count(0)


QUEUE_FRAMES = """() => {
  window.frames_ = [];
  window.requestAnimationFrame = (paint) => window.frames_.push(paint);
}"""


def test_all_changes_until_a_frame_are_one_paint(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 12, ALICE)
    wait_for_editors(page, "Alice")
    page.evaluate(QUEUE_FRAMES)
    for count in range(13, 63):
        views.become_total(count, ("Alice", str(count)))
    paints = []

    def shows_the_latest() -> bool:
        paints.append(page.evaluate("frames_.splice(0).map(paint => paint()).length"))
        return bool(total(page).inner_text() == "62")

    wait_until(shows_the_latest, "the latest total")
    assert max(paints) == 1
