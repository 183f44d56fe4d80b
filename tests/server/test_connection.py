"""A connection on a socket pair: when a slow client counts as making progress."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from server.framing import Encoding
from server.http import connection
from server.http.acceptor import PlainStream
from server.http.connection import Connection
from server.hub.slow_clients import PROGRESS_BYTES


@dataclass
class Clock:
    now: int = 0


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("waited in vain")


def test_a_client_that_reads_slowly_makes_progress_with_each_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long all of it takes: only a slice has to be taken within the stall limit."""
    clock = Clock()
    monkeypatch.setattr(connection, "now", lambda: clock.now)
    asyncio.run(_read_slowly(clock))


async def _read_slowly(clock: Clock) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    drained: list[Connection] = []
    client = Connection(
        lambda code, reason: None,
        PlainStream(ours),
        encoding=Encoding.FRAMES,
        on_drained=drained.append,
    )
    data = bytes(8 * PROGRESS_BYTES)
    client.is_ready = False
    assert client.keep_rest(data, 1)
    taken = 0
    while taken < len(data) - 1:
        clock.now += 1_000
        goal = min(taken + 2 * PROGRESS_BYTES, len(data) - 1)
        while taken < goal:
            taken += len(await asyncio.get_running_loop().sock_recv(theirs, goal - taken))
        await until(lambda: client.progress_at in (clock.now, None))
    await until(lambda: drained == [client])
    assert client.progress_at is None
    client.keep_rest(b"more", -1)  # closes the socket
    theirs.close()


def test_a_client_that_reads_nothing_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(connection, "now", lambda: clock.now)

    async def scenario() -> None:
        ours, theirs = socket.socketpair()
        client = Connection(
            lambda code, reason: None,
            PlainStream(ours),
            encoding=Encoding.FRAMES,
            on_drained=lambda client: None,
        )
        client.keep_rest(bytes(8 * PROGRESS_BYTES), 1)
        await asyncio.sleep(0)
        clock.now = 5_000
        for _ in range(10):
            await asyncio.sleep(0)
        assert client.progress_at == 0
        client.keep_rest(b"", -1)
        theirs.close()

    asyncio.run(scenario())
