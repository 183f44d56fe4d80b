"""Base, deltas and resume, over real sockets with a strict client."""

from __future__ import annotations

import signal

import pytest
from websockets.exceptions import ConnectionClosed

from tests.server.fake_engine import FakeEngine
from tests.server.posting import Pipeline
from tests.server.served import Served, wait_for_clients
from tests.support.processes import wait_until
from viewstream.checksum import checksum
from viewstream.protocol import MAX_TIME


def test_a_client_gets_its_base_and_then_every_delta(served: Served) -> None:
    served.post(1001, 1001)
    watcher = served.open()
    assert watcher.base() == served.engine.base("top10")
    served.post(1001, 1010, (1005, -1, ("Bob", "9")), (1005, 1, ("Bob", "10")))
    delta = watcher.delta()
    assert (delta.lower, delta.upper) == (1001, 1010)
    assert list(delta.updates) == [(1005, -1, ("Bob", "9")), (1005, 1, ("Bob", "10"))]
    assert delta.checksum == checksum([(1, ("Alice", "12")), (1, ("Bob", "10"))])


def test_what_came_between_base_and_client_follows_the_base(served: Served) -> None:
    served.post(900, 1001)
    served.post(1001, 1010, (1005, 1, ("Carol", "1")))
    served.post(1010, 1020, (1015, -1, ("Carol", "1")), (1015, 1, ("Dave", "1")))
    watcher = served.open()
    assert watcher.base().upper == 1001
    delta = watcher.delta()
    assert (delta.lower, delta.upper, delta.folded) == (1001, 1020, True)
    assert list(delta.updates) == [(1019, 1, ("Dave", "1"))]


def test_a_base_ahead_of_the_log_waits_for_no_one(served: Served) -> None:
    served.post(900, 950)
    watcher = served.open()
    assert watcher.base().upper == 1001
    served.post(950, 1000, (990, 1, ("in the", "base")))
    served.post(1000, 1005, (1000, 1, ("in it", "too")), (1001, 1, ("Eve", "1")))
    delta = watcher.delta()
    assert (delta.lower, delta.upper) == (1001, 1005)
    assert list(delta.updates) == [(1004, 1, ("Eve", "1"))]


def test_an_empty_view_has_an_empty_base(engine: FakeEngine) -> None:
    engine.rows = []
    with Served(engine) as served:
        base = served.open().base()
        assert base == engine.base("top10")
        assert [column.name for column in base.columns] == ["user", "count"]


def test_values_are_the_text_that_the_engine_sent(engine: FakeEngine) -> None:
    from tests.support.scripted_wire import BOOL, NUMERIC, TIMESTAMPTZ

    engine.columns = [
        ("b", BOOL),
        ("n", NUMERIC),
        ("t", TIMESTAMPTZ),
        ("j", 3802),
        ("a", 1009),
        ("y", 17),
    ]
    row = ("t", "12345678901234567890.5", "2020-01-02 01:04:05+00", '{"a":1}', "{x,NULL}", "\\x00")
    engine.rows = [row, (None, None, None, None, None, None), row]
    with Served(engine) as served:
        base = served.open().base()
        assert list(base.rows) == engine.rows
        types = [column.type for column in base.columns]
        assert types == ["bool", "numeric", "timestamptz", "jsonb", "text[]", "bytea"]


def test_a_view_that_can_no_longer_change_has_the_largest_upper(engine: FakeEngine) -> None:
    engine.time = str(2**64 - 1)
    with Served(engine) as served:
        served.post(MAX_TIME, MAX_TIME)
        assert served.open().base().upper == MAX_TIME
        assert served.get("/view/frontier?view=top10")["frontier"] == MAX_TIME


def test_a_base_of_a_view_created_this_moment_is_read_again(engine: FakeEngine) -> None:
    times = iter(["0", "0", "0"])
    engine.time = lambda: next(times, "1000")
    with Served(engine) as served:
        assert served.open().base().upper == 1001


def test_the_clock_of_later_versions_is_used_from_the_first_read(engine: FakeEngine) -> None:
    engine.version = "v26.28.0 (scripted)"
    with Served(engine) as served:
        assert served.open().base() == engine.base("top10")
    assert not any("mz_logical_timestamp" in statement for statement in engine.statements)


def test_a_schema_can_be_named(engine: FakeEngine) -> None:
    engine.schema = 'odd "schema'
    with Served(engine, views=('odd "schema.Top10',)) as served:
        served.open('odd "schema.Top10').base()
        assert any('"odd ""schema"."Top10"' in statement for statement in engine.statements)


def test_who_comes_back_gets_one_folded_delta(served: Served) -> None:
    served.post(900, 1001)
    served.post(1001, 1010, (1005, -1, ("Bob", "9")), (1005, 1, ("Bob", "10")))
    served.post(1010, 1020, (1015, -1, ("Bob", "10")), (1015, 1, ("Bob", "11")))
    watcher = served.open(f"top10@{served.engine.epoch}:1001")
    delta = watcher.delta()
    assert (delta.lower, delta.upper, delta.folded) == (1001, 1020, True)
    assert set(delta.updates) == {(1019, -1, ("Bob", "9")), (1019, 1, ("Bob", "11"))}
    served.post(1020, 1030, (1025, 1, ("Carol", "1")))
    assert watcher.delta().lower == 1020


def test_every_resume_is_answered_at_once(served: Served) -> None:
    served.post(900, 1001)
    for frontier in (1001, 5000):  # at the head, and ahead of this server
        delta = served.open(f"top10@{served.engine.epoch}:{frontier}").delta()
        assert (delta.lower, delta.upper, list(delta.updates)) == (frontier, frontier, [])


def test_who_resumes_before_any_pipeline_is_answered_too(served: Served) -> None:
    wait_until(lambda: served.health()["epoch"], "the engine to be asked")
    watcher = served.open(f"top10@{served.engine.epoch}:990")
    delta = watcher.delta()
    assert (delta.lower, delta.upper) == (990, 990)
    watcher.status("stale", "no pipeline has posted yet")
    served.post(985, 995, (992, 1, ("Eve", "1")))
    assert watcher.delta().lower == 990


def test_who_is_ahead_gets_only_what_lies_above(served: Served) -> None:
    served.post(900, 1001)
    watcher = served.open(f"top10@{served.engine.epoch}:1007")
    assert watcher.delta().upper == 1007
    served.post(1001, 1010, (1005, 1, ("had", "it")), (1008, 1, ("new", "1")))
    delta = watcher.delta()
    assert (delta.lower, delta.upper) == (1007, 1010)
    assert list(delta.updates) == [(1009, 1, ("new", "1"))]


def test_who_is_too_far_behind_gets_a_base(served: Served) -> None:
    served.post(1001, 1010)
    base = served.open(f"top10@{served.engine.epoch}:500").base()
    assert base.upper == 1001


def test_the_smaller_of_delta_and_base_is_sent(served: Served) -> None:
    served.post(900, 1001)
    first = served.open()
    first.base()
    updates = [(1000 + n, 1, (f"a rather long name {n}", "1")) for n in range(1, 40)]
    served.post(1001, 1040, *updates)
    served.engine.rows = [("now it is", "small")]
    served.engine.time = "1040"
    late = served.open(f"top10@{served.engine.epoch}:1002")
    assert late.delta().upper == 1040, "the kept base is below what the client has"
    fresh = served.open()
    assert fresh.base().upper in (1001, 1041)


def test_who_resumes_in_an_epoch_that_ended_gets_a_base(served: Served) -> None:
    served.post(900, 1001)
    watcher = served.open("top10@1606000000000-u7:1001")
    assert watcher.base() == served.engine.base("top10")


def test_a_replaced_view_brings_a_new_base_to_all(served: Served) -> None:
    served.post(900, 1001)
    watcher = served.open()
    watcher.base()
    old = served.engine.epoch
    served.engine.id = "u8"
    served.engine.rows = [("other", "1")]
    base = watcher.base()  # the server asks every few seconds
    assert base == served.engine.base("top10")
    refused = served.post(1001, 1002, epoch=old)
    assert refused.status_code == 410
    assert refused.json()["epoch"] == served.engine.epoch
    assert served.post(1001, 1002).status_code == 200


def test_a_post_of_a_new_epoch_is_believed_only_after_asking(served: Served) -> None:
    served.post(900, 1001)
    watcher = served.open()
    watcher.base()
    assert served.post(900, 1001, epoch="1606000000000-u9").status_code == 410
    served.engine.id = "u9"
    assert served.post(1001, 1002).status_code == 200
    assert watcher.base().epoch == served.engine.epoch


def test_several_views_on_one_connection(engine: FakeEngine) -> None:
    with Served(engine, views=("a", "b")) as served:
        for view in "ab":
            served.post(900, 1001, view=view)
        watcher = served.open("a", "b")
        bases = {watcher.base().view, watcher.base().view}
        assert bases == {"a", "b"}
        served.post(1001, 1002, view="b")
        served.post(1001, 1002, view="a")
        # Both may be in one write, in which the views have an order of their own.
        assert {watcher.delta().view for _ in range(2)} == {"a", "b"}


def test_clients_that_arrive_together_share_one_read(engine: FakeEngine) -> None:
    with Served(engine, "--engine-timeout", "60", "--stale-after", "600") as served:
        wait_until(lambda: served.health()["base_reads"] == 1, "the first read")
        served.post(900, 1001)
        engine.go_on.clear()
        watchers = [served.open() for _ in range(20)]
        wait_for_clients(served, 20)
        engine.go_on.set()
        for watcher in watchers:
            assert watcher.base() == engine.base("top10")
        assert engine.reads <= 2


def test_a_gap_is_refused_while_it_may_be_filled_and_then_gives_everybody_a_base(
    engine: FakeEngine,
) -> None:
    with Served(engine, bounds={"hub": {"gap_patience": 10_000}}) as served:
        served.post(900, 1001)
        watcher = served.open()
        watcher.base()
        served.post(1001, 1005)
        refused = served.post(1010, 1020)
        assert refused.status_code == 409
        assert refused.json()["head"] == 1005
        assert watcher.delta().upper == 1005
        engine.time = "1015"
        wait_until(lambda: served.post(1010, 1020).status_code == 200, "the gap to be given up")
        base = watcher.base()
        assert base.upper == 1016


def test_repeated_and_overlapping_posts_change_nothing(served: Served) -> None:
    served.post(900, 1001)
    watcher = served.open()
    watcher.base()
    change = (1003, 1, ("Carol", "1"))
    assert served.post(1001, 1005, change).json() == {"head": 1005, "taken": True}
    assert served.post(1001, 1005, change).json() == {"head": 1005, "taken": False}
    served.post(1002, 1010, change, (1007, 1, ("Dave", "1")))
    assert list(watcher.delta().updates) == [change]
    delta = watcher.delta()
    assert (delta.lower, list(delta.updates)) == (1005, [(1007, 1, ("Dave", "1"))])


def test_clients_that_go_leave_no_trace(served: Served) -> None:
    watchers = [served.open() for _ in range(5)]
    for watcher in watchers:
        watcher.base()
    assert served.health()["listeners"] == 5
    for watcher in watchers:
        watcher.connection.close()
    wait_for_clients(served, 0)
    assert served.health()["listeners"] == 0
    assert served.post(900, 1001).status_code == 200


def test_a_client_that_says_something_is_closed(served: Served) -> None:
    watcher = served.open()
    watcher.base()
    watcher.connection.send("hello")
    with pytest.raises(ConnectionClosed) as closed:
        watcher.delta()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1003


def test_reported_close_codes_are_counted(served: Served) -> None:
    watcher = served.open()
    watcher.connection.close(4000, "a gap")

    line = 'viewstream_disconnects_total{code="4000"'
    wait_until(lambda: line in served.metrics(), "the close code to be counted")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_on_shutdown_clients_are_told_when_to_come_back(
    served: Served, number: signal.Signals
) -> None:
    watcher = served.open()
    watcher.base()
    served.process.send(number)
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            watcher.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert 0 <= float(closed.value.rcvd.reason.removeprefix("retry=")) <= 2
    assert served.process.wait() == 0
    assert "Traceback" not in served.process.stderr


def test_status_follows_the_pipeline(engine: FakeEngine) -> None:
    with Served(engine, "--stale-after", "3") as served:
        watcher = served.open()
        watcher.base()
        watcher.status("stale", "no pipeline has posted yet")
        Pipeline(served).wait_until_sent_live(watcher)
        watcher.status("stale", "nothing was posted for 3 s")
        assert served.get("/healthz")["status"] == "degraded"


def test_a_plain_view_that_cannot_be_read_says_what_to_do(engine: FakeEngine) -> None:
    engine.error = "unable to automatically determine a query timestamp"
    with Served(engine) as served:
        reason = "top10 is a plain view: make it materialized, or give it an index"
        assert served.open().status("waiting", reason).reason == reason


def test_a_name_without_schema_is_found_along_the_search_path(engine: FakeEngine) -> None:
    engine.schema = "mz_catalog"
    with Served(engine, views=("mz_sources",)) as served:
        assert served.open("mz_sources").base() == engine.base("mz_sources")
        wait_until(lambda: served.health("mz_sources")["relation"], "the relation to be found")
        assert served.health("mz_sources")["relation"] == "mz_catalog.mz_sources"
    assert any('FROM "mz_catalog"."mz_sources"' in asked for asked in engine.statements)


def test_a_name_outside_of_the_search_path_is_unknown(engine: FakeEngine) -> None:
    engine.schema = "elsewhere"
    with Served(engine) as served:
        reason = "the engine answers: unknown view 'top10'"
        assert served.open().status("waiting", reason).reason == reason


def test_the_greeting_of_an_engine_stays_out_of_the_log(engine: FakeEngine) -> None:
    with Served(engine) as served:
        served.open().base()
    asked = [startup["options"] for startup in engine.startups]
    assert asked
    assert all("-c client_min_messages=warning" in options for options in asked)
