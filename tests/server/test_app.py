"""The server as a whole, in this very process: turns of its loop, and its end."""

from __future__ import annotations

import asyncio
import time

import pytest
from tornado.websocket import websocket_connect

from server.app import Server
from server.options import Options
from server.upstream.reader import Reader
from tests.server.fake_engine import FakeEngine
from viewstream.protocol import Base, decode

STALL = 0.05
"""Seconds for which one turn of the loop may work."""


async def longest_turn(over: asyncio.Event) -> float:
    """The most that one turn of the loop worked, in seconds of this thread's processor time.

    Not of the clock: other programs of the machine may take the processor away at any moment.
    """
    longest, before = 0.0, time.thread_time()
    while not over.is_set():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    return longest


def test_no_turn_of_the_loop_is_long_while_a_large_base_is_made_and_sent(
    engine: FakeEngine,
) -> None:
    engine.rows = [(f"user number {n}", str(n)) for n in range(100_000)]

    async def run() -> float:
        server = Server(Options(("large",), port=0, dsn=engine.dsn))
        await server.start()
        over = asyncio.Event()
        watching = asyncio.create_task(longest_turn(over))
        address = server.url.replace("http", "ws") + "/view/stream?view=large"
        client = await websocket_connect(address, compression_options={}, max_message_size=1 << 30)
        text = await client.read_message()
        while isinstance(text, str) and '"status"' in text[:20]:
            text = await client.read_message()
        over.set()
        longest = await watching
        assert text is not None
        base = decode(text)
        assert isinstance(base, Base)
        assert list(base.rows) == list(engine.rows)
        client.close()
        await server.stop()
        return longest

    # The client's own reading of the message, in the same loop, is in the figure too.
    assert asyncio.run(run()) < STALL


def test_a_part_that_fails_ends_the_server(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(reader: Reader, view: str) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(Reader, "epoch", broken)

    async def run() -> None:
        server = Server(Options(("top10",), port=0, dsn=engine.dsn))
        await server.start()
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(server.failed(), 20)
        await server.stop()

    asyncio.run(run())
