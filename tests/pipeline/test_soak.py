"""Tests the soak of the fault kit, but for its length: `scripts/faults --soak 60` is the proof."""

from __future__ import annotations

import asyncio
import random

import pytest

from scripts.faultkit.crowd import Crowd
from scripts.faultkit.soak import FLAT, GrowthError, Sample, check_flat
from tests.support.processes import start_engine, start_server

WAYS = {"websocket", "deflated", "events", "rows", "deaf"}


def samples(*sizes: float) -> list[Sample]:
    rest = dict.fromkeys(FLAT, 50.0)
    return [Sample(at, {**rest, "server a": size}, 0) for at, size in enumerate(sizes)]


def test_memory_that_stays_is_flat() -> None:
    check_flat(samples(30, 60, 80, 80, 81, 80, 82, 80, 81))


def test_memory_that_grows_is_reported() -> None:
    with pytest.raises(GrowthError, match=r"^server a grew from 62\.0 to 71\.0 MB$"):
        check_flat(samples(30, 40, 50, 60, 62, 64, 70, 71, 72))


def test_a_crowd_comes_and_goes_by_every_way() -> None:
    engine, dsn = start_engine()
    server, url = start_server(dsn, "mz_tables")
    with engine, server:
        port = int(url.rpartition(":")[2])

        async def visit() -> Crowd:
            crowd = Crowd(20, [port], ["mz_tables"], random.Random(1), lambda: "x.y.z")
            visiting = asyncio.create_task(crowd.run())
            async with asyncio.timeout(200):
                while set(crowd.visits) < WAYS:  # noqa: ASYNC110 -- it signals nothing
                    await asyncio.sleep(0.1)
            visiting.cancel()
            await asyncio.gather(visiting, return_exceptions=True)
            return crowd

        assert min(asyncio.run(visit()).visits.values()) > 0
