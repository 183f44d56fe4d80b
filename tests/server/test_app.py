"""The server as a whole, in this process."""

from __future__ import annotations

import asyncio

import pytest

from server.app import Server
from server.hub.hub import Hub
from server.options import Options
from tests.server.fake_engine import FakeEngine


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
