"""GET /metrics: what is counted, under which names and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.hub.audit import Finding
from server.hub.tallies import Resume
from tests.server.fake_engine import FakeEngine
from tests.server.hub_scenes import connect, live_world, post_rows
from tests.server.served import Served, wait_for_clients
from tests.server.simulated import VIEW
from tests.support.processes import wait_until
from viewstream.protocol import Position

UNITS = ("_total", "_bytes", "_seconds", "_info")
COUNTS = {
    *("viewstream_clients", "viewstream_clients_stalled", "viewstream_listeners"),
    *("viewstream_parts", "viewstream_view_live", "viewstream_view_ready"),
    *("viewstream_engine_connections", "viewstream_engine_queries_waiting"),
}
"""Gauges of what has no unit."""


def sample(served: Served, name: str, **labels: str) -> float | None:
    """The value of one sample; None if there is none."""
    for family in text_string_to_metric_families(served.metrics()):
        for one in family.samples:
            if one.name == f"viewstream_{name}" and labels.items() <= one.labels.items():
                return one.value
    return None


def test_names_and_labels_are_as_prometheus_has_them(served: Served) -> None:
    served.post(900, 1001)
    families = list(text_string_to_metric_families(served.metrics()))
    ours = [family for family in families if family.name.startswith("viewstream_")]
    assert len(ours) > 20
    for family in ours:
        assert re.fullmatch(r"viewstream_[a-z_]+", family.name)
        assert family.documentation
        if family.type == "counter":
            assert all(one.name.endswith("_total") for one in family.samples)
        elif family.name not in COUNTS:
            assert family.name.endswith(UNITS), f"{family.name} has no unit"
    names = {family.name for family in families}
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds"} <= names


@pytest.fixture
def calm(engine: FakeEngine) -> Iterator[Served]:
    """A server that reads a base for an audit once a minute, and not whenever the head rests."""
    with Served(engine, "--stale-after", "600") as served:
        yield served


def test_what_happens_is_counted(calm: Served) -> None:
    served = calm
    watcher = served.open()
    served.post(900, 1001)
    watcher.base()
    served.post(1001, 1002)
    watcher.delta()
    assert served.post(1, 2, epoch="1-u1").status_code == 410
    assert served.post_body(b"{").status_code == 400
    assert sample(served, "posts_total", view="top10", outcome="taken") == 2
    assert sample(served, "posts_total", view="top10", outcome="ended") == 1
    assert sample(served, "refusals_total", status="410", reason="epoch_ended") == 1
    assert sample(served, "refusals_total", status="400", reason="malformed") == 1
    assert (sample(served, "received_bytes_total") or 0) > 200
    assert (sample(served, "sent_bytes_total") or 0) > 200
    assert sample(served, "base_reads_total", view="top10", result="ok") == 1
    assert sample(served, "base_read_seconds_count", view="top10") == 1
    assert sample(served, "lag_seconds_count", view="top10") == 2
    wait_until(lambda: sample(served, "event_loop_lag_seconds_count"), "a tick")
    assert sample(served, "clients") == sample(served, "listeners", view="top10") == 1
    assert sample(served, "head_timestamp_seconds", view="top10") == pytest.approx(1.002)
    assert sample(served, "view_live", view="top10") == 1
    assert sample(served, "view_ready", view="top10") == 1
    assert sample(served, "send_backlog_bytes") == 0
    assert sample(served, "engine_connections", state="busy") is not None
    watcher.connection.close()
    wait_for_clients(served, 0)
    left = {"code": "1000", "reason": "client_left"}
    wait_until(lambda: sample(served, "disconnects_total", **left) == 1, "the count")


def test_a_client_cannot_make_a_label(served: Served) -> None:
    for code in (4123, 4599, 3999):
        watcher = served.open()
        watcher.connection.close(code, "any")
    wait_for_clients(served, 0)
    other = {"code": "other", "reason": "other"}
    wait_until(lambda: sample(served, "disconnects_total", **other) == 3, "the count")
    assert "4123" not in served.metrics()


def test_reads_that_fail_are_counted(engine: FakeEngine) -> None:
    engine.error = "too large"
    with Served(engine) as served:
        failed = {"view": "top10", "result": "failed"}
        wait_until(lambda: sample(served, "base_reads_total", **failed), "a failure")
        assert sample(served, "view_ready", view="top10") == 0


def test_resumes_are_counted_by_what_the_client_got() -> None:
    world, _ = live_world()
    server = world.servers[0]
    resumes, epoch = server.hub.tallies.resumes, world.engine.epoch
    head = server.view.history.head
    connect(server, Position(epoch, head))
    server.turn()
    assert resumes == {(VIEW, Resume.DELTA): 1}
    connect(server, Position(epoch, 1))
    server.turn()
    world.ask_now(server, is_base=True)
    server.turn()
    assert resumes == {(VIEW, Resume.DELTA): 1, (VIEW, Resume.LOG_TRIMMED): 1}
    connect(server, Position("1-u1", 5))
    server.turn()
    world.ask_now(server, is_base=True)
    world.ask_now(server, is_base=True)
    server.turn()
    assert resumes[VIEW, Resume.EPOCH_ENDED] == 1
    connect(server)
    server.turn()
    assert resumes.total() == 3, "a new client resumes nothing"


def test_audits_are_counted_by_their_result() -> None:
    world, _ = live_world()
    server = world.servers[0]
    audits = server.hub.tallies.audits
    world.ask_now(server, is_base=True)
    assert audits[VIEW, Finding.AGREES] >= 1
    post_rows(world, "a")
    world.engine.histories[world.engine.epoch].append((1, 1, ("left out", "1")))
    world.ask_now(server, is_base=True)
    assert audits[VIEW, Finding.REPAIR] == 1


def test_parts_are_counted_and_are_no_labels(engine: FakeEngine) -> None:
    with Served(engine, "--part", "top10:user") as served:
        served.post(900, 1001)
        for name in ("Alice", "Bob"):
            part = served.open(f"top10[user={name}]")
            part.base()
        served.post(1001, 1002, (1001, 1, ("Alice", "13")))
        part.delta()
        assert sample(served, "parts", view="top10") == 2
        assert (sample(served, "lag_seconds_count", view="top10") or 0) >= 2
        assert "user=" not in served.metrics()
