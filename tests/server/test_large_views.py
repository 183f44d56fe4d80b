"""A base of 250,000 rows: made and sent without holding up anybody's deltas."""

from __future__ import annotations

import statistics
import threading
import time

from tests.server.fake_engine import FakeEngine
from tests.server.served import Served
from tests.support.processes import wait_until

ROWS = 250_000
STALL = 0.05
"""Seconds for which making and sending a base may hold up a delta, on a processor of its own."""
LONGEST = 0.2
"""Seconds that no single delta may take, though the test's own threads share the processor. Summing
up or sending all rows in one turn of the loop takes longer."""


def test_a_large_base_is_right_and_small_views_go_on_meanwhile(engine: FakeEngine) -> None:
    with Served(engine, views=("large", "small")) as served:
        for view in ("large", "small"):
            served.post(900, 1001, view=view)
            wait_until(lambda view=view: served.health(view)["base_reads"], "the first reads")
        engine.rows = [(f"user {n}", str(n)) for n in range(ROWS)]
        engine.id = "u8"  # so that all is read anew
        wait_until(lambda: served.health("small")["epoch"] == engine.epoch, "the new epoch")
        small = served.open(f"small@{engine.epoch}:1001")
        served.post(1001, 1001, view="small")
        small.delta()
        over = threading.Event()
        times: list[float] = []

        def measure() -> None:
            n = 1001
            while not over.is_set():
                begin = time.monotonic()
                served.post(n, n + 1, view="small")
                while small.delta().upper != n + 1:
                    pass
                times.append(time.monotonic() - begin)
                n += 1

        thread = threading.Thread(target=measure)
        thread.start()
        base = served.open("large").base()
        while base.epoch != engine.epoch:
            base = served.open("large").base()
        over.set()
        thread.join()
        assert base == engine.base("large")
        assert len(times) > 5
        assert statistics.median(times) < STALL
        assert max(times) < LONGEST, sorted(times)[-5:]
