"""The dashboard through time: the slider, a hidden tab, a frozen one."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.static.dashboard_script import EPOCH, Scene, total, whole_scene
from tests.support.scripted_stream import ScriptedStream
from viewstream.protocol import Delta


def minute_of_changes(scene: Scene) -> None:
    """Sixty seconds, in each of which the total and the first editor have ten edits more."""
    for second in range(1, 61):
        scene.become(
            scene.frontier + 1000,
            counter=[(str(1024 + 10 * second),)],
            top10_5min=[("Editor 0", str(100 + second)), *scene.rows["top10_5min"][1:]],
        )


def test_every_figure_is_exact_at_each_time(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    minute_of_changes(scene)
    expect(total(page)).to_have_text("1,624")
    time = page.get_by_role("slider", name="Time that is shown")
    time.focus()
    for ago in range(1, 31):
        page.keyboard.press("ArrowLeft")
        # The frontier is the first time that is not shown yet, so the latest second has just begun.
        expect(total(page)).to_have_text(f"{1624 - 10 * (ago - 1):,}")
        expect(page.locator("#race .count").first).to_have_text(str(160 - (ago - 1)))
    expect(page.locator("#shown-time")).to_contain_text("30 s ago")
    expect(time).to_have_attribute("aria-valuetext", re.compile("30 s ago"))
    page.keyboard.press("Home")
    expect(total(page)).to_have_text("1,024")
    # Live changes go on, and change nothing of the past.
    scene.become(scene.frontier + 1000, counter=[("9999",)])
    expect(page.locator("#shown-time")).to_contain_text("61 s ago")
    expect(total(page)).to_have_text("1,024")
    page.get_by_role("button", name="Back to live").click()
    expect(total(page)).to_have_text("9,999")
    expect(page.get_by_role("button", name="Back to live")).to_be_hidden()
    expect(time).to_be_focused()


def test_a_page_that_was_just_opened_goes_back_as_far_as_the_servers_log(
    stream: ScriptedStream, page: Page
) -> None:
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    at = scene.frontier
    for view in scene.rows:
        minutes = [
            Delta(view, EPOCH, at - 60_000 * n, at - 60_000 * (n - 1), []) for n in (4, 3, 2)
        ]
        stream.past[view] = [*minutes, Delta(view, EPOCH, at - 60_000, at, [])]
    for number, log in enumerate(stream.past["counter"]):
        before, after = (str(1000 + 6 * (number + add)) for add in (0, 1))
        log.updates = [(log.lower + 30_000, -1, (before,)), (log.lower + 30_000, 1, (after,))]
    time = page.get_by_role("slider", name="Time that is shown")
    time.focus()
    page.keyboard.press("Home")
    expect(page.locator("#shown-time")).to_contain_text("4 min ago")
    expect(total(page)).to_have_text("1,000")
    expect(page.locator("#since")).to_contain_text("24 fewer than when you came at")
    expect(page.locator("#race .name").first).to_have_text("Editor 0")
    for _ in range(3):
        page.keyboard.press("PageUp")
    expect(total(page)).to_have_text(re.compile("1,0(06|12)"))
    page.keyboard.press("Escape")
    expect(total(page)).to_have_text("1,024")
    expect(page.locator("#since")).to_contain_text("0 since you came at")


def test_what_came_merged_is_taken_apart(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    minute_of_changes(scene)
    lower, upper = scene.frontier, scene.frontier + 10_000
    scene.merge(upper, counter=[("2000",)])
    expect(total(page)).to_have_text("2,000")
    changes = [(upper - 5_000, -1, ("1624",)), (upper - 5_000, 1, ("2000",))]
    stream.past["counter"] = [Delta("counter", EPOCH, lower, upper, changes)]
    page.get_by_role("slider", name="Time that is shown").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#shown-time")).to_contain_text("3.0 s ago")
    expect(total(page)).to_have_text("2,000")
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#shown-time")).to_contain_text("7.0 s ago")
    expect(total(page)).to_have_text("1,624")


def test_rows_that_are_not_kept_are_not_made_up(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    minute_of_changes(scene)
    expect(total(page)).to_have_text("1,624")
    # A connection is lost, and the changes of ten seconds come merged: their times are unknown.
    scene.connection.close(1001, "retry=0.1")
    scene.resume(stream.connection(1))
    lower, upper = scene.frontier, scene.frontier + 10_000
    scene.merge(upper, counter=[("2000",)])
    expect(total(page)).to_have_text("2,000")
    page.get_by_role("slider", name="Time that is shown").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(total(page)).to_have_text("\N{EN DASH}")
    expect(page.locator("#race .empty")).to_have_text("Not known at this time.")
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    expect(total(page)).to_have_text("1,624")
    assert upper - lower == 10_000


HIDE = """isHidden => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  const state = isHidden ? "hidden" : "visible";
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


CATCH_TIMER = """
  const { setTimeout, clearTimeout } = window;
  window.afterAMinute = null;
  window.setTimeout = (callback, wait, ...rest) => {
    if (wait !== 60_000) return setTimeout(callback, wait, ...rest);
    window.afterAMinute = callback;
    return -1;
  };
  window.clearTimeout = (timer) => {
    if (timer === -1) window.afterAMinute = null;
    else clearTimeout(timer);
  };
"""


def test_a_hidden_tab_costs_nothing_and_comes_back_in_one_paint(
    stream: ScriptedStream, page: Page
) -> None:
    page.add_init_script(CATCH_TIMER)
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    page.evaluate(HIDE, True)
    page.evaluate("afterAMinute()")
    assert stream.connection(0).wait_closed() is not None
    expect(page).to_have_title("Paused · viewstream")
    assert len(stream.connections) == 1
    page.evaluate("""() => {
      window.paints = [];
      const figure = document.getElementById("count");
      new MutationObserver(() => window.paints.push(figure.textContent))
        .observe(figure, { childList: true, characterData: true, subtree: true });
    }""")
    page.evaluate(HIDE, False)
    scene.resume(stream.connection(1))
    scene.merge(scene.frontier + 61_000, counter=[("5000",)])
    expect(total(page)).to_have_text("5,000")
    assert page.evaluate("paints") == ["5,000"]
    expect(page).to_have_title("viewstream")


def test_a_short_look_at_another_tab_costs_no_reconnect(stream: ScriptedStream, page: Page) -> None:
    page.add_init_script(CATCH_TIMER)
    page.goto(stream.url)
    whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    page.evaluate(HIDE, True)
    assert page.evaluate("afterAMinute !== null")
    page.evaluate(HIDE, False)
    assert page.evaluate("afterAMinute === null")


def test_a_frozen_tab_shows_its_rows_and_resumes(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    page.evaluate("document.dispatchEvent(new Event('freeze'))")
    assert stream.connection(0).wait_closed() is not None
    expect(total(page)).to_have_text("1,024")
    page.evaluate("document.dispatchEvent(new Event('resume'))")
    scene.resume(stream.connection(1))
    assert f"counter@1795379829077-u7:{scene.frontier}" in stream.connection(1).views
    scene.become(counter=[("1025",)])
    expect(total(page)).to_have_text("1,025")
