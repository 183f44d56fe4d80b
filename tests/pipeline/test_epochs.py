"""Invariant 7: histories are never mixed. The whole pipeline on an engine that acts as v0.9.4 does.

Epochs exist for these cases. That the tests depend on them was tried by hand: with `make_epoch`
returning the same text for every engine and object, each test fails: after the restart the client
has `old`, `twice` and `first` twice, and it keeps the rows of the view that was replaced.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest

from tests.support.following import Witness, following
from tests.support.processes import Process, start_server
from tests.support.scripted_materialize import ScriptedMaterialize


@pytest.fixture(params=["pipes", "tail"])
def way(request: pytest.FixtureRequest) -> str:
    """How the changes come to the server."""
    return str(request.param)


@contextmanager
def pipeline(engine: ScriptedMaterialize, way: str, *views: str) -> Iterator[str]:
    """A server of an engine's views, with pipelines or by its own TAILs; gives its URL."""
    with ExitStack() as stack:
        server, url = start_server(engine.dsn, *views, options=["--tail"] if way == "tail" else [])
        stack.enter_context(server)
        if way == "pipes":
            options = ["--dsn", engine.dsn, "--server", url]
            command = [sys.executable, "-m", "scripts.pipeline", *options, *views]
            stack.enter_context(Process(command))
        yield url


@asynccontextmanager
async def watched(engine: ScriptedMaterialize, way: str) -> AsyncIterator[Witness]:
    """Follow the view `v`; yields the client once it gets deltas."""
    with pipeline(engine, way, "v") as url:
        async with following(url, "v") as client:
            await client.until(lambda: client.follower.states["v"].position)
            engine.write("v", (1, ("first",)))
            await client.until(lambda: client.rows("v")["first",] == 1)
            yield client


def test_a_restarted_engine_that_accepts_an_old_as_of_doubles_nothing(way: str) -> None:
    async def scenario() -> None:
        with ScriptedMaterialize() as engine:
            engine.create("v", "name")
            engine.write("v", (1, ("old",)), (2, ("twice",)))
            async with watched(engine, way) as client:
                engine.restart()
                engine.write("v", (1, ("new",)))
                expected = (("old",), ("twice",), ("twice",), ("first",), ("new",))
                await client.until_rows("v", *expected)
                engine.write("v", (-1, ("old",)))
                await client.until_rows("v", *expected[1:])
                for _, _, rows in client.points["v"]:
                    assert rows["twice",] == 2
                    assert max(rows["old",], rows["first",], rows["new",]) <= 1
                assert len({epoch for epoch, _, _ in client.points["v"]}) == 2

    asyncio.run(scenario())


def test_a_view_replaced_under_a_running_tail_is_never_mixed_with_its_successor(way: str) -> None:
    async def scenario() -> None:
        with ScriptedMaterialize() as engine:
            engine.create("v", "name")
            engine.write("v", (1, ("old",)))
            async with watched(engine, way) as client:
                engine.create("v", "name", "more")  # the TAIL goes on with the old view
                engine.write("v", (1, ("new", "1")))
                await client.until_rows("v", ("new", "1"))
                engine.write("v", (1, ("newer", "2")))
                await client.until_rows("v", ("new", "1"), ("newer", "2"))
                for _, _, rows in client.points["v"]:
                    assert len({len(row) for row in rows}) <= 1

    asyncio.run(scenario())


def test_a_replaced_view_that_never_changes_is_replaced_in_the_client(way: str) -> None:
    async def scenario() -> None:
        with ScriptedMaterialize() as engine:
            engine.create("v", "name")
            async with watched(engine, way) as client:
                engine.create("v", "name")  # empty, and of another epoch
                await client.until_rows("v")
                epochs = [epoch for epoch, _, _ in client.points["v"]]
                assert epochs[0] != epochs[-1]

    asyncio.run(scenario())
