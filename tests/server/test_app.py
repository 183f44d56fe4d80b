"""The server as a whole, in this process."""

from __future__ import annotations

import asyncio

import pytest

from server.app import Server
from server.hub.hub import Hub
from server.options import Options
from server.upstream.reader import Reader
from tests.server.fake_engine import FakeEngine
from viewstream.relation import Relation


def test_a_read_that_fails_unexpectedly_is_tried_again(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failed = Reader._read, asyncio.Event()

    async def broken(reader: Reader, view: str, relation: Relation) -> object:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError
        return await read(reader, view, relation)

    monkeypatch.setattr(Reader, "_read", broken)

    async def run() -> None:
        server = Server(Options(("top10",), listen=("127.0.0.1", 0), dsn=engine.dsn))
        ending = asyncio.create_task(server.wait_for_failure())
        await failed.wait()
        async with asyncio.timeout(20):
            while not server.hub.report("top10", 0).base_reads:  # noqa: ASYNC110 -- no event
                await asyncio.sleep(0.01)
        assert not ending.done()
        ending.cancel()
        await server.stop()

    asyncio.run(run())


def test_a_task_that_fails_ends_the_server(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(hub: Hub, now: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Hub, "on_tick", broken)

    async def run() -> None:
        server = Server(Options(("top10",), listen=("127.0.0.1", 0), dsn=engine.dsn))
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(server.wait_for_failure(), 20)
        await server.stop()

    asyncio.run(run())
