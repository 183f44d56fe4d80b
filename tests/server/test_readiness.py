"""GET /readyz: whether a load balancer should send clients here, and why not."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import requests

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import wait_until
from tests.support.reader_tokens import SECRET, bearer, make_token
from viewstream.protocol import Status

EARLIER, LATER = "2026-11-22 20:00:00+00", "2026-11-22 21:00:00+00"
AT_EARLIER, AT_LATER = 1_795_377_600_000, 1_795_381_200_000
STOPPED = "the engine's time stands still since 2026-11-22 20:59:00 UTC"


def ready(served: Served, query: str = "") -> tuple[int, Any]:
    response = requests.get(f"{served.url}/readyz{query}", timeout=20)
    body = response.json()
    assert response.status_code in (200, 503), response.text
    assert body["ready"] is (response.status_code == 200)
    return response.status_code, body["reasons"]


def test_a_view_without_a_pipeline_is_not_ready_but_the_server_is_alive(served: Served) -> None:
    expected = (503, {"top10": ["no pipeline has posted yet"]})
    wait_until(lambda: ready(served) == expected, "the base to be read")
    assert served.post(900, 1001).status_code == 200
    assert ready(served) == (200, {})
    assert served.get("/healthz")["status"] == "ok"


def test_only_the_views_that_are_named_count(engine: FakeEngine) -> None:
    with Served(engine, views=("top10", "counter")) as served:
        served.post(900, 1001)
        wait_until(lambda: ready(served, "?view=top10") == (200, {}), "top10 to be ready")
        status, reasons = ready(served)
        assert (status, list(reasons)) == (503, ["counter"])
        assert ready(served, "?view=top10&view=counter")[0] == 503
        response = requests.get(f"{served.url}/readyz?view=nosuch", timeout=20)
        assert response.status_code == 404
        assert "no view 'nosuch'" in response.json()["error"]


def test_an_engine_that_is_away_makes_it_unready_and_heals(engine: FakeEngine) -> None:
    options = ("--engine-timeout", "1", "--stale-after", "600")
    with Served(engine, *options, bounds={"epoch_every": 0.2}) as served:
        wait_until(lambda: served.post(900, 1001).status_code == 200, "the epoch")
        wait_until(lambda: ready(served) == (200, {}), "the view to be ready")
        engine.thawed.clear()

        def is_missed() -> bool:
            status, reasons = ready(served)
            return status == 503 and "the engine does not answer" in reasons["top10"][0]

        wait_until(is_missed, "the engine to be missed")
        engine.thawed.set()
        wait_until(lambda: ready(served)[0] == 200, "the engine to be back")


def test_a_restart_after_which_time_stands_still(engine: FakeEngine) -> None:
    """As v0.26.0 whose file does not grow: time stays below its start, and TAIL repeats it."""
    bounds = {"tail_delay": 0.05, "epoch_every": 0.2, "hub": {"recreate_patience": 200}}
    engine.start, engine.time = EARLIER, str(AT_EARLIER - 1)
    with Served(engine, "--tail", "--stale-after", "3", bounds=bounds) as served:
        times = itertools.count()

        def is_ready_at(time: int) -> bool:
            engine.tail.progress(time + next(times))
            return ready(served)[0] == 200

        wait_until(lambda: is_ready_at(AT_EARLIER), "the view to be ready")
        watcher = served.open()
        still = AT_LATER - 60_000
        engine.start, engine.time = LATER, str(still - 1)
        engine.lose_all()

        def repeat(condition: bool) -> bool:
            engine.tail.progress(still)
            return condition

        expected = (503, {"top10": [STOPPED]})
        wait_until(lambda: repeat(ready(served) == expected), "the standstill")
        assert served.health()["problem"] == STOPPED
        assert watcher.status("stale", STOPPED) == Status("top10", "stale", STOPPED)
        wait_until(lambda: is_ready_at(still + 1), "time to go on")


def test_a_probe_needs_no_token_but_the_reasons_do(engine: FakeEngine, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{SECRET}\n")
    options = ("--reader-key", str(keys), "--token", "posts")

    with Served(engine, *options, views=("top10", "counter")) as served:

        def ask(query: str = "", token: str = "") -> tuple[int, Any]:
            header = bearer(token) if token else {}
            found = requests.get(f"{served.url}/readyz{query}", headers=header, timeout=20)
            return found.status_code, found.json()

        assert ask() == ask("?view=top10") == ask("?view=nosuch") == (503, {"ready": False})
        assert set(ask(token="posts")[1]["reasons"]) == {"counter", "top10"}
        assert set(ask(token=make_token())[1]["reasons"]) == {"top10"}
        assert ask("?view=counter", make_token())[0] == 403


def test_each_process_answers_for_itself(engine: FakeEngine) -> None:
    engine.tail.end()  # each process has a TAIL, which ends: the view can no longer change
    with Served(engine, "--tail", "--processes", "2") as served:
        wait_until(lambda: ready(served)[0] == 200, "a process to be ready")
        wait_until(lambda: all(ready(served)[0] == 200 for _ in range(8)), "both to be ready")
        engine.is_known = False  # the view is dropped
        wait_until(lambda: all(ready(served)[0] == 503 for _ in range(8)), "both to be unready")
