"""The failure log: nothing about a moment, one line about a failure that lasts."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from server.upstream.failure_log import PATIENCE, FailureLog
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served

AWAY, UNKNOWN = "the engine does not answer", "the engine answers: unknown view"


@dataclass
class FakeView:
    name: str
    failure: str | None = None
    audit_mismatches: int = 0


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Fills with what is logged."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    caplog.set_level(logging.INFO, "server")
    logging.getLogger("server").addHandler(handler)
    yield said
    logging.getLogger("server").removeHandler(handler)


def test_a_start_before_the_engine_is_no_news(lines: list[str]) -> None:
    failures, view = FailureLog(), FakeView("v", AWAY)
    for now, reason in [(0, AWAY), (3000, UNKNOWN), (PATIENCE - 1, UNKNOWN), (PATIENCE, None)]:
        view.failure = reason
        failures.update([view], now)
    view.failure = AWAY
    failures.update([view], 2 * PATIENCE)
    assert lines == []


def test_what_lasts_is_said_once_for_all_views_and_so_is_its_end(lines: list[str]) -> None:
    failures, views = FailureLog(), [FakeView("a", AWAY), FakeView("b", AWAY), FakeView("c")]
    for now in range(0, 3 * PATIENCE, 1000):
        failures.update(views, now)
    assert lines == [f"views a, b: {AWAY}"]
    for reason in (UNKNOWN, AWAY, UNKNOWN):
        views[0].failure = reason
        failures.update(views, 3 * PATIENCE)
    assert lines[1:] == [f"view a: {UNKNOWN}"]
    for view in views:
        view.failure = None
        failures.update(views, 4 * PATIENCE)
    assert lines[2:] == [f"view {name}: the engine answers again" for name in ("a", "b")]


def test_an_engine_that_is_away_is_one_line_however_it_shows(lines: list[str]) -> None:
    failures, view = FailureLog(lambda view: "Connection refused"), FakeView("v")
    for second, reason in enumerate([AWAY, f"{AWAY} within 5 s"] * 10):
        view.failure = reason
        failures.update([view], 1000 * second)
    view.failure = None
    failures.update([view], 30_000)
    assert lines == [
        f"view v: {AWAY} within 5 s (Connection refused)",
        "view v: the engine answers again",
    ]


def test_each_mismatch_of_an_audit_is_logged_once(lines: list[str]) -> None:
    failures, view = FailureLog(), FakeView("v")
    for mismatches in (0, 1, 1, 2):
        view.audit_mismatches = mismatches
        failures.update([view], 0)
    text = "view v: a base is not what the TAIL came to ({} times so far)"
    assert lines == [text.format(1), text.format(2)]


def test_a_server_that_starts_first_is_quiet_until_it_lasts(engine: FakeEngine) -> None:
    engine.is_known = False
    began = time.monotonic()
    with Served(engine) as served:
        watcher = served.open()
        watcher.status("waiting", "unknown view 'top10'")
        assert "unknown view 'top10'" in served.health()["problem"]
        lines = served.process.stderr
        has_lasted = time.monotonic() - began >= PATIENCE / 1000
        assert has_lasted or "top10" not in lines, "a failure is logged before it has lasted"
        served.process.wait_for("view top10: .*unknown view 'top10'")
        engine.is_known = True
        served.process.wait_for("view top10: the engine answers again")
        assert served.process.stderr.count("\n") == 3
        assert watcher.base() == engine.base("top10")
