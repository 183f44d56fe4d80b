"""The state that the dashboard shows: live, lagging, stale, lost, and why."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.static.dashboard_script import (
    ALICE,
    BOB,
    CAROL,
    COLUMNS,
    COUNT,
    EPOCH,
    USER,
    Scene,
    Views,
    editors,
    now,
    total,
    wait_for_editors,
    whole_scene,
)
from tests.support.processes import wait_until
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import MAX_TIME, Base, Delta, Status


def word(page: Page) -> Any:
    return page.locator("#standing-text")


def icon(page: Page) -> str:
    return str(page.locator("link[rel=icon]").get_attribute("href"))


def test_a_lost_connection_keeps_the_rows_and_resumes(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    live = icon(page)
    views.connection.close(1001, "retry=1")
    expect(word(page)).to_have_text("Reconnecting")
    expect(page.locator("#notice")).to_contain_text("This is how things were")
    expect(page).to_have_title("Reconnecting · viewstream")
    assert icon(page) != live
    assert editors(page) == ["Alice", "Bob"]
    views.resume(stream.connection(1))
    at = f"{EPOCH}:{views.frontier}"
    asked = [f"{view}@{at}" if view in ("counter", "top10") else view for view in COLUMNS]
    assert views.connection.views == asked
    views.become_total(25, ALICE, ("Bob", "10"))
    expect(word(page)).to_have_text("Live")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page).to_have_title("viewstream")
    expect(page.locator("#race .count")).to_have_text(["12", "10"])


def test_the_notice_has_a_countdown_and_connects_at_once(
    stream: ScriptedStream, page: Page
) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    views.connection.close(1001, "retry=600")
    expect(page.locator("#countdown")).to_contain_text("Trying again in")
    before = total(page).bounding_box()
    retry = page.get_by_role("button", name="Retry now")
    retry.focus()
    page.keyboard.press("Enter")
    views.resume(stream.connection(1))
    views.become_total(25, ALICE)
    expect(total(page)).to_have_text("25")
    expect(page.locator("#notice")).to_be_hidden()
    assert total(page).bounding_box() == before  # the notice has moved nothing


def test_a_server_that_is_not_there_is_named(stream: ScriptedStream, page: Page) -> None:
    stream.on_open = lambda connection: connection.close(1001, "retry=600")
    page.goto(stream.url)
    expect(word(page)).to_have_text("Not connected")
    expect(page.locator("#notice-text")).to_have_text("The server cannot be reached.")
    expect(page.get_by_role("button", name="Retry now")).to_be_visible()


def test_going_offline_and_online_connects_again(stream: ScriptedStream, chromium: Browser) -> None:
    # Of its own: the browser may complain on the console that it is offline.
    context = chromium.new_context()
    page = context.new_page()
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    context.set_offline(True)
    views.connection.cut()
    expect(word(page)).to_have_text("Reconnecting")
    context.set_offline(False)
    views.resume(stream.connection(1))
    views.become_total(25, ALICE)
    expect(total(page)).to_have_text("25")
    expect(word(page)).to_have_text("Live")
    context.close()


def test_a_gap_brings_a_new_base_and_shows_no_mix(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    beyond = views.frontier + 5
    views.connection.send(Delta("top10", EPOCH, beyond, beyond + 1, [(beyond, 1, CAROL)]))
    assert views.connection.wait_closed() == 4000
    assert editors(page) == ["Alice", "Bob"]
    again = stream.connection(1)
    assert again.views[:3] == [f"counter@{EPOCH}:{views.frontier}", "edits_per_second", "top10"]
    views.resume(again)
    again.send(Base("top10", EPOCH, beyond + 1, [USER, COUNT], [BOB, CAROL]))
    again.send(Delta("counter", EPOCH, views.frontier, beyond + 1, []))
    wait_for_editors(page, "Bob", "Carol")


def test_another_history_replaces_everything(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    later, upper = "1795379999999-u7", views.frontier + 1000
    views.connection.send(Base("counter", later, upper, [COUNT], [("3",)]))
    assert total(page).inner_text() == "24"  # times of two starts of the engine are not mixed
    views.connection.send(Base("top10", later, upper, [USER, COUNT], [CAROL]))
    wait_for_editors(page, "Carol")
    expect(total(page)).to_have_text("3")


def test_rows_that_stay_wrong_are_shown_as_unverified(stream: ScriptedStream, page: Page) -> None:
    def wrong(connection: Connection) -> None:
        scene = Views(connection, 7, ALICE)
        base = Base("top10", EPOCH, scene.frontier + 1, [USER, COUNT], [BOB], checksum=1)
        connection.send(base)

    stream.on_open = wrong
    page.goto(stream.url)
    expect(word(page)).to_have_text("Unverified")
    assert [stream.connection(at).wait_closed() for at in (0, 1)] == [4001, 4001]
    expect(page.locator("#notice")).to_contain_text("may be wrong")


REASONS = [
    ("nothing was posted for 15 s", "no changes arrive from the pipeline"),
    ("no pipeline has posted yet", "no changes have come from the pipeline so far"),
    ("what is posted has been behind the engine for 15 s", "the pipeline falls behind"),
    ("the engine does not answer", "the database does not answer"),
    ('FATAL: role "x" at 10.0.0.7 port 6875', "the database reports an error"),
]


@pytest.mark.parametrize(("reason", "text"), REASONS)
def test_a_reason_is_in_words_for_people(
    stream: ScriptedStream, page: Page, reason: str, text: str
) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    for view in ("counter", "top10"):
        views.connection.send(Status(view, "stale", reason))
    expect(word(page)).to_have_text("Stale")
    expect(page.locator("#notice")).to_contain_text(text)
    assert "10.0.0.7" not in page.content()
    assert editors(page) == ["Alice"]


def scene_of_age(stream: ScriptedStream, page: Page, age: int) -> Scene:
    """Show rows of this age, on a page whose clock does not move."""
    page.clock.set_fixed_time(now() / 1000)
    page.goto(stream.url)
    return whole_scene(stream.connection(0), now() - age)


def test_rows_of_now_are_live(stream: ScriptedStream, page: Page) -> None:
    scene_of_age(stream, page, 0)
    expect(word(page)).to_have_text("Live")
    expect(page.locator("#age")).to_contain_text("s old")
    expect(page.locator("#rate")).to_have_text("43 a second")


def test_rows_older_than_three_seconds_are_lagging(stream: ScriptedStream, page: Page) -> None:
    scene_of_age(stream, page, 6_000)
    expect(word(page)).to_have_text("Lagging")
    expect(page.locator("#standing")).to_have_attribute("data-state", "lagging")
    expect(page).to_have_title("Lagging · viewstream")


def test_rows_older_than_fifteen_seconds_are_stale(stream: ScriptedStream, page: Page) -> None:
    scene = scene_of_age(stream, page, 5 * 60_000)
    expect(word(page)).to_have_text("Stale")
    expect(page.locator("#age")).to_have_text("5 min old")
    expect(page.locator("#notice-text")).to_contain_text("Nothing is new since")
    expect(page.locator("#rate")).to_be_hidden()
    scene.become()
    expect(word(page)).to_have_text("Live")
    expect(page.locator("#notice")).to_be_hidden()


def test_a_view_that_is_stuck_does_not_stop_the_others(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    scene = whole_scene(stream.connection(0))
    expect(total(page)).to_have_text("1,024")
    # Everything but the ranking goes on.
    stuck = scene.frontier
    scene.rows["counter"] = [("1024",)]
    for view in scene.rows:
        if view != "top10_5min":
            rows = [("2048",)] if view == "counter" else scene.rows[view]
            scene.send_delta(view, rows, stuck + 60_000)
    expect(total(page)).to_have_text("2,048")
    expect(page.locator("#race .late")).to_contain_text("stopped at")
    expect(page.locator("#people .late")).to_have_text("")
    expect(word(page)).to_have_text("Partly stale")
    # What goes on looks like it.
    assert page.locator("main").evaluate("e => getComputedStyle(e).filter") == "none"
    assert page.locator("#race").evaluate("e => getComputedStyle(e).filter") != "none"
    notice = page.locator("#notice-text")
    expect(notice).to_contain_text("The ranking of the last five minutes has stopped at")
    expect(notice).to_contain_text("The rest goes on")
    # It comes again, and all is at one time.
    changed = [("Carol", "3")]
    scene.send_delta("top10_5min", changed, stuck + 60_000)
    wait_for_editors(page, "Carol")
    expect(page.locator("#race .late")).to_have_text("")
    expect(word(page)).to_have_text("Live")


def test_a_view_without_rows_does_not_stop_the_others(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    connection = stream.connection(0)
    Views(connection, 24, ALICE)
    connection.send(Status("editors", "waiting", "the engine does not answer"))
    expect(total(page)).to_have_text("24")
    expect(page.locator("#people .late")).to_have_text("no rows yet")
    expect(page.locator("#notice-text")).to_contain_text("The share of people and bots has no rows")


def test_views_that_can_no_longer_change_have_no_age(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    Scene(stream.connection(0), {"counter": [("7",)], "top10": [ALICE]}, MAX_TIME)
    wait_for_editors(page, "Alice")
    expect(word(page)).to_have_text("Live")
    expect(page.locator("#age")).to_have_text("")


def test_a_server_that_names_no_source_is_fine(stream: ScriptedStream, page: Page) -> None:
    stream.about = None
    page.goto(stream.url)
    Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    expect(page.locator("#source")).to_have_text("")


def test_the_clocks_are_compared_again_with_each_connection(
    stream: ScriptedStream, page: Page
) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE)
    expect(page.locator("#source")).to_have_text("Source: generated")
    stream.about = "another one"
    views.connection.close(1001, "retry=0.1")
    views.resume(stream.connection(1))
    expect(page.locator("#source")).to_have_text("Source: another one")


def test_a_refusal_for_good_is_shown_and_not_retried(stream: ScriptedStream, page: Page) -> None:
    reason = "no view 'counter'; there are a, b"
    stream.on_open = lambda connection: connection.close(4404, reason)
    page.goto(stream.url)
    expect(word(page)).to_have_text("Refused")
    expect(page.locator("#notice-text")).to_have_text(f"The server refuses this page: {reason}.")
    page.evaluate("dispatchEvent(new Event('online'))")
    assert len(stream.connections) == 1
    page.get_by_role("button", name="Retry now").click()
    wait_until(lambda: len(stream.connections) == 2, "another try")
