"""`server --tail`: the server reads the changes itself, from a scripted engine."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import wait_until
from tests.support.scripted_cursor import row
from viewstream.protocol import MAX_TIME, Base, Status

TAIL = 'TAIL "public"."top10" WITH (SNAPSHOT = false, PROGRESS)'
QUICK = {
    "tail_delay": 0.05,
    "epoch_every": 0.2,
    "hub": {"gap_patience": 200, "status_every": 1000},
}


@pytest.fixture
def tailing(engine: FakeEngine) -> Iterator[Served]:
    with Served(engine, "--tail", "--stale-after", "3", bounds=QUICK) as served:
        yield served


def begin(served: Served, head: int = 1000) -> None:
    """Let the TAIL begin at `head`."""
    served.engine.time = str(head - 1)
    served.engine.tail.progress(head)
    wait_until(lambda: served.health()["head"] == head, "the TAIL to begin")


def test_rows_of_the_tail_are_deltas_of_closed_times(tailing: Served) -> None:
    tail = tailing.engine.tail
    begin(tailing)
    watcher = tailing.open()
    assert list(watcher.base().rows) == list(tailing.engine.rows)
    tail.progress(1002)
    assert watcher.delta().upper == 1002
    tail.add(row(1005, -1, "Bob", "9"), row(1005, 1, "Bob", "10"), row(1007, 1, "Eve", "1"))
    delta = watcher.delta()
    while not delta.updates:
        delta = watcher.delta()
    assert delta.upper == 1007, "time 1007 may still get rows"
    changes = {(diff, row) for _, diff, row in delta.updates}  # a client may be catching up
    assert changes == {(-1, ("Bob", "9")), (1, ("Bob", "10"))}
    tail.progress(1008)
    delta = watcher.delta()
    assert (delta.lower, delta.upper) == (1007, 1008)
    assert [(diff, row) for _, diff, row in delta.updates] == [(1, ("Eve", "1"))]
    assert tail.declared == [TAIL]
    assert max(tail.fetched) <= 2000


def test_a_lost_connection_is_resumed_at_the_head(tailing: Served) -> None:
    engine = tailing.engine
    begin(tailing)
    watcher = tailing.open()
    watcher.base()
    engine.tail.progress(1100)
    wait_until(lambda: tailing.health()["head"] == 1100, "the progress")
    engine.lose_all()
    engine.tail.add(row(1105, 1, "Eve", "1"))
    engine.tail.progress(1106)
    delta = watcher.delta()
    while not delta.updates:
        delta = watcher.delta()
    assert delta.updates[0] == (1105, 1, ("Eve", "1"))
    assert engine.tail.declared == [TAIL, f"{TAIL} AS OF 1099"]


def test_a_resume_that_is_refused_begins_at_the_present_with_a_new_base(tailing: Served) -> None:
    engine = tailing.engine
    begin(tailing)
    watcher = tailing.open()
    watcher.base()
    engine.tail.refusal = "Timestamp (999) is not valid for all inputs: [Antichain]"
    engine.time = "2000"
    engine.rows = [("after", "1")]
    engine.lose_all()
    engine.tail.progress(2000)
    tailing.process.wait_for(r"cannot resume top10 at \S+:1000 .*not valid.*: from the present")
    message = watcher.next_rows()
    while not isinstance(message, Base):
        message = watcher.next_rows()
    assert message == engine.base("top10")
    assert engine.tail.declared == [TAIL, f"{TAIL} AS OF 999", TAIL]


def test_a_view_that_was_replaced_while_its_tail_began_is_tailed_again(tailing: Served) -> None:
    engine = tailing.engine
    wait_until(lambda: engine.tail.fetched, "the TAIL")
    engine.id = "u8"
    engine.tail.progress(999)  # of the old view
    wait_until(lambda: len(engine.tail.fetched) == 2, "another TAIL")
    begin(tailing)
    assert tailing.health()["head"] == tailing.health()["lower"] == 1000
    assert tailing.health()["epoch"] == engine.epoch


def test_a_view_replaced_under_its_tail_is_tailed_again_and_gives_a_new_base(
    tailing: Served,
) -> None:
    engine = tailing.engine
    begin(tailing)
    watcher = tailing.open()
    watcher.base()
    engine.id, engine.rows = "u8", [("other", "1")]
    assert watcher.base() == engine.base("top10")
    engine.tail.progress(1001)  # still of the old TAIL
    wait_until(lambda: len(engine.tail.declared) == 2, "another TAIL")
    begin(tailing, 1002)
    assert tailing.health()["epoch"] == engine.epoch


def test_an_ended_view_is_live_until_its_epoch_changes(tailing: Served) -> None:
    engine = tailing.engine
    engine.time = str(2**64 - 1)
    engine.tail.end()
    wait_until(lambda: tailing.health()["head"] == MAX_TIME, "the end")
    watcher = tailing.open()
    assert watcher.base().upper == MAX_TIME
    for _ in range(6):  # one a second, twice `--stale-after`
        assert watcher.status("live").reason == ""
    assert tailing.health()["problem"] is None
    assert engine.tail.declared == [TAIL]
    engine.time, engine.id = "1000", "u9"
    engine.tail.begin_again()
    wait_until(lambda: len(engine.tail.declared) == 2, "a TAIL of the new view")
    begin(tailing)
    assert tailing.health()["epoch"] == engine.epoch


def test_a_tail_without_rows_is_live_by_its_progress(tailing: Served) -> None:
    begin(tailing)
    watcher = tailing.open()
    watcher.base()
    began, heads = time.monotonic(), itertools.count(1001)

    def is_live() -> bool:
        tailing.engine.tail.progress(next(heads))
        health = tailing.health()
        has_lasted = time.monotonic() - began > 6  # twice `--stale-after`
        return has_lasted and (health["state"], health["problem"]) == ("live", None)

    wait_until(is_live, "the view to be live by its progress")
    assert tailing.health()["head"] >= 1005
    assert watcher.delta().upper > 1000


def test_a_tail_whose_time_stands_still_is_stale(tailing: Served) -> None:
    """As v0.26.0's after a restart: progress at one time, for good."""
    begin(tailing)
    watcher = tailing.open()
    watcher.base()
    tail, reason = tailing.engine.tail, "the engine's time stands still since 1970-01-01 00:00:01"

    def is_stale() -> bool:
        tail.progress(1000)
        status = watcher.next()
        return isinstance(status, Status) and status.state == "stale" and reason in status.reason

    wait_until(is_stale, "the standstill")
    assert reason in tailing.health()["problem"]
    heads = itertools.count(1001)

    def is_live() -> bool:
        tail.progress(next(heads))
        return watcher.next() == Status("top10", "live")

    wait_until(is_live, "time to go on")


def test_a_tail_that_fails_is_reported_and_started_again(tailing: Served) -> None:
    engine = tailing.engine
    engine.tail.error = "SUBSCRIBE fell behind"
    reason = "the engine answers with an error"  # its own words are for the log
    wait_until(lambda: tailing.health()["problem"] == reason, "the failure")
    watcher = tailing.open()
    watcher.status("stale", reason)
    tailing.process.wait_for(r"view top10: the engine answers with an error \(.*fell behind")
    wait_until(lambda: len(engine.tail.declared) > 2, "more tries")
    engine.tail.error = None
    begin(tailing)
    wait_until(lambda: tailing.health()["problem"] is None, "the end of the failure")


def test_rows_that_are_no_tail_are_reported(tailing: Served) -> None:
    begin(tailing)
    tailing.engine.tail.add(row(1005, 1, "Eve", "1"), row(1004, 1, "early", "1"))
    expected = "the TAIL makes no sense: expected progress, or a row at 1005 or later"
    wait_until(lambda: expected in (tailing.health()["problem"] or ""), "the report")


def test_nothing_can_be_posted_to_a_tailed_view(tailing: Served) -> None:
    refused = tailing.post(1000, 1001)
    assert refused.status_code == 403
    assert refused.json()["error"] == (
        "this server reads top10 from the engine itself (--tail): nothing can be posted to it"
    )


def test_a_view_can_be_left_to_a_pipeline_in_spite_of_tail(engine: FakeEngine) -> None:
    with Served(engine, "--tail", "--posted", "top10", bounds=QUICK) as served:
        engine.time = "999"
        assert served.post(1000, 1001).status_code == 200
        assert served.health()["state"] == "live"
    assert engine.tail.declared == []


def test_a_view_that_only_the_optimiser_knows_to_be_empty(engine: FakeEngine) -> None:
    """Its TAIL ends at once without a row, and a SELECT has the time of now."""
    engine.rows = []
    engine.tail.end()
    with Served(engine, "--tail", "--stale-after", "3", bounds=QUICK) as served:
        watcher = served.open()
        assert watcher.base() == engine.base("top10")
        while isinstance(message := watcher.next_rows(), Base):
            assert message == engine.base("top10")  # one before the TAIL ended, one after
        assert message.updates == []
        assert message.upper < MAX_TIME  # the engine does not say that the view has ended
        wait_until(lambda: served.health()["state"] == "live", "the view to be live")
