"""The state that the dashboard shows: lost, waiting, stale, unverified, and its age."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.static.dashboard_script import (
    ALICE,
    BOB,
    CAROL,
    COUNT,
    EPOCH,
    USER,
    Views,
    editors,
    now,
    wait_for_editors,
)
from tests.support.processes import wait_until
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import MAX_TIME, Base, Delta, Status


def test_a_lost_connection_keeps_the_rows_and_resumes(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    views.connection.close(1001, "retry=1")
    expect(page.locator("#standing-text")).to_have_text("Reconnecting")
    expect(page.locator("#notice")).to_contain_text("these rows are from before")
    assert editors(page) == ["Alice", "Bob"]
    views.connection = stream.connection(1)
    at = f"{EPOCH}:{views.frontier}"
    assert views.connection.views == [f"counter@{at}", f"top10@{at}"]
    views.become(25, ALICE, ("Bob", "10"))
    expect(page.locator("#standing-text")).to_have_text("Live")
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator(".count")).to_have_text(["12", "10"])


def test_a_gap_brings_a_new_base_and_shows_no_mix(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    beyond = views.frontier + 5
    views.connection.send(Delta("top10", EPOCH, beyond, beyond + 1, [(beyond, 1, CAROL)]))
    assert views.connection.wait_closed() == 4000
    assert editors(page) == ["Alice", "Bob"]
    again = stream.connection(1)
    assert again.views == [f"counter@{EPOCH}:{views.frontier}", "top10"]
    again.send(Base("top10", EPOCH, beyond + 1, [USER, COUNT], [BOB, CAROL]))
    wait_for_editors(page, "Bob", "Carol")


def test_a_replaced_view_replaces_everything(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE, BOB)
    wait_for_editors(page, "Alice", "Bob")
    other = Base("top10", "1795379829077-u9", 5, [USER, COUNT], [CAROL])
    views.connection.send(other)
    wait_for_editors(page, "Carol")


def test_rows_that_stay_wrong_are_shown_as_unverified(stream: ScriptedStream, page: Page) -> None:
    def wrong(connection: Connection) -> None:
        connection.send(Base("counter", EPOCH, now(), [COUNT], [("7",)]))
        connection.send(Base("top10", EPOCH, now(), [USER, COUNT], [ALICE], checksum=1))

    stream.on_open = wrong
    page.goto(stream.url)
    expect(page.locator("#standing-text")).to_have_text("Unverified")
    assert [stream.connection(at).wait_closed() for at in (0, 1)] == [4001, 4001]
    assert editors(page) == ["Alice"]
    expect(page.locator("#notice")).to_contain_text("may be wrong")


@pytest.mark.parametrize(
    ("state", "word", "reason"),
    [
        ("waiting", "Waiting", "the engine does not answer"),
        ("stale", "Stale", "nothing was posted for 15 s"),
        ("live", "Live", "nothing was posted for 7.5 s"),
    ],
)
def test_says_what_is_wrong_with_a_view(
    stream: ScriptedStream, page: Page, state: Any, word: str, reason: str
) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    views.connection.send(Status("top10", state, reason))
    expect(page.locator("#standing-text")).to_have_text(word)
    expect(page.locator("#notice")).to_contain_text(f"top10: {reason}.")
    assert editors(page) == ["Alice"]


def test_shows_how_old_its_rows_are(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    connection = stream.connection(0)
    old = now() - 5 * 60_000
    for view, columns, rows in (("counter", [COUNT], [("7",)]), ("top10", [USER, COUNT], [ALICE])):
        connection.send(Base(view, EPOCH, old, columns, rows))
    expect(page.locator("#age")).to_have_text("5 min old")


def test_views_that_can_no_longer_change_have_no_age(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    connection = stream.connection(0)
    for view, columns, rows in (("counter", [COUNT], [("7",)]), ("top10", [USER, COUNT], [ALICE])):
        connection.send(Base(view, EPOCH, MAX_TIME, columns, rows))
    page.locator("summary").click()
    expect(page.locator("#views tr").first).to_contain_text("for ever")
    expect(page.locator("#age")).to_have_text("")


def test_a_server_that_names_no_source_is_fine(stream: ScriptedStream, page: Page) -> None:
    stream.about = None
    page.goto(stream.url)
    Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    expect(page.locator("#source")).to_be_hidden()


def test_a_refusal_for_good_is_shown_and_not_retried(stream: ScriptedStream, page: Page) -> None:
    reason = "no view 'counter'; there are a, b"
    stream.on_open = lambda connection: connection.close(4404, reason)
    page.goto(stream.url)
    expect(page.locator("#standing-text")).to_have_text("Refused")
    expect(page.locator("#notice-text")).to_have_text(f"The server refuses: {reason}.")
    page.evaluate("dispatchEvent(new Event('online'))")
    assert len(stream.connections) == 1


def test_the_last_minute_survives_a_base(stream: ScriptedStream, page: Page) -> None:
    page.goto(stream.url)
    views = Views(stream.connection(0), 24, ALICE)
    wait_for_editors(page, "Alice")
    frontier = views.frontier
    # Thirty seconds at ten edits a second, and then all rows again.
    later = frontier + 30_000
    edits = [(frontier, -1, ("24",)), (frontier, 1, ("324",))]
    views.connection.send(Delta("counter", EPOCH, frontier, later, edits))
    views.connection.send(Base("counter", EPOCH, later + 2_000, [COUNT], [("344",)]))
    heights = "bars => bars.map(bar => Number(bar.getAttribute('height')))"
    bars = page.locator("#pulse rect")
    wait_until(lambda: sum(h > 0 for h in bars.evaluate_all(heights)) >= 30, "thirty seconds")
    expect(page.locator("#rate")).to_have_text("10 a second")
