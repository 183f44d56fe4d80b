"""GET /view/list: the views that are served, with their SQL, columns, rows and state."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from server.upstream.descriptions import FRESH_FOR
from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import wait_until


def entry(served: Served) -> dict[str, Any]:
    (view,) = served.get("/view/list")["views"]
    assert isinstance(view, dict)
    return view


def is_described(served: Served) -> bool:
    """Whether the engine's answers are there: a request waits for them two seconds at most."""
    view = entry(served)
    return view["columns"] is not None and view["rows"] is not None


def test_a_view_is_described(engine: FakeEngine) -> None:
    with Served(engine) as served:
        assert served.post(1000, 1001).status_code == 200
        watcher = served.open()
        watcher.base()
        wait_until(lambda: is_described(served), "the engine's answers")
        assert entry(served) == {
            "name": "top10",
            "kind": "materialized view",
            "sql": '-- SHOW CREATE materialized view "public"."top10"',
            "columns": [{"name": "user", "type": "text"}, {"name": "count", "type": "int8"}],
            "rows": 2,
            "state": "live",
            "problem": None,
            "epoch": engine.epoch,
            "frontier": 1001,
            "clients": 1,
        }
        assert served.get("/view/list")["time"] >= time.time_ns() // 1_000_000 - 20_000


def test_internal_tables_have_no_sql(engine: FakeEngine) -> None:
    engine.id, engine.schema = "s4021", "mz_catalog"
    with Served(engine) as served:
        wait_until(lambda: is_described(served), "the engine's answers")
        view = entry(served)
    assert (view["kind"], view["sql"], view["rows"]) == ("internal table", None, 2)


def test_another_epoch_has_another_definition(engine: FakeEngine) -> None:
    with Served(engine) as served:
        wait_until(lambda: len(entry(served)["columns"] or ()) == 2, "the columns")
        engine.columns, engine.rows, engine.id = engine.columns[:1], [("Alice",)], "u9"
        wait_until(lambda: len(entry(served)["columns"] or ()) == 1, "the new columns")
        wait_until(lambda: entry(served)["rows"] == 1, "the new rows")


def test_requests_share_what_was_asked(engine: FakeEngine) -> None:
    with Served(engine) as served, ThreadPoolExecutor(10) as pool:
        wait_until(lambda: is_described(served), "the engine's answers")
        before, began = engine.counts, time.monotonic()
        found = list(pool.map(lambda _: entry(served)["rows"], range(60)))
        most = 1 + (time.monotonic() - began) / FRESH_FOR
    assert found == [2] * 60
    assert engine.counts - before <= most, "one question serves all within two seconds"


def test_what_the_engine_does_not_answer_is_null(engine: FakeEngine) -> None:
    engine.is_known = False
    with Served(engine) as served:
        view = entry(served)
        assert (view["kind"], view["columns"], view["rows"]) == (None, None, None)
        assert view["state"] in ("stale", "waiting")
        engine.is_known, engine.error = True, "division by zero"
        wait_until(lambda: entry(served)["columns"] is not None, "the definition")
        assert entry(served)["rows"] is None


def test_an_engine_that_hangs_delays_nobody_for_long(engine: FakeEngine) -> None:
    with Served(engine, "--engine-timeout", "60") as served:
        wait_until(lambda: is_described(served), "the engine's answers")
        engine.thawed.clear()
        wait_until(lambda: entry(served)["rows"] in (2, None), "an answer, though an old one")
        assert entry(served)["columns"] is not None


@pytest.mark.parametrize(
    "path", ["/pipeline", "/views", "/views/top10", "/views/a%2Fb", "/views/orders[a=1]"]
)
def test_the_pages_are_there(engine: FakeEngine, path: str) -> None:
    with Served(engine) as served:
        page = requests.get(served.url + path, timeout=20)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        foreign = requests.get(served.url + path, headers={"Host": "evil.example"}, timeout=20)
        assert foreign.status_code == 403
        assert requests.get(served.url + "/views/a/b", timeout=20).status_code == 404


def test_a_folder_of_ones_own_has_no_such_pages(engine: FakeEngine, tmp_path: Any) -> None:
    (tmp_path / "index.html").write_text("own")
    with Served(engine, "--static", str(tmp_path)) as served:
        assert requests.get(f"{served.url}/views", timeout=20).status_code == 404
