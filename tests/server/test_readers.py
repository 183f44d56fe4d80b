"""Readers of all clients: one that fails or closes leaves the others served."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from server.wire import readers
from server.wire.readers import EpollReaders, Readers


class Reading:
    """A socket's reader, which notes what comes and then calls `then`."""

    def __init__(self, watched: Readers, then: Callable[[], None] = lambda: None) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.received = b""
        self._watched = watched
        self._then = then
        watched.add(self.ours.fileno(), self)

    def on_readable(self) -> None:
        self.received += self.ours.recv(100)
        self._then()

    def close(self) -> None:
        self._watched.remove(self.ours.fileno())
        self.ours.close()
        self.theirs.close()


KINDS = pytest.mark.parametrize("kind", [Readers, EpollReaders])


async def turns(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("waited in vain")


@KINDS
def test_a_reader_that_fails_is_reported_and_the_others_are_served(kind: type[Readers]) -> None:
    async def scenario() -> None:
        watched, reported = kind(), []

        def note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            reported.append(context["exception"])

        asyncio.get_running_loop().set_exception_handler(note)
        error = RuntimeError("a bug")

        def fail() -> None:
            raise error

        sockets = [Reading(watched, fail), Reading(watched)]
        for one in sockets:
            one.theirs.send(b"x")
        await turns(lambda: [one.received for one in sockets] == [b"x", b"x"])
        assert reported == [error]
        for one in sockets:
            one.close()

    asyncio.run(scenario())


def test_a_socket_that_is_closed_by_another_one_is_not_read() -> None:
    async def scenario() -> None:
        watched = EpollReaders()
        sockets: list[Reading] = []

        def close_others() -> None:
            for one in sockets:
                if not one.received:
                    one.close()

        sockets += [Reading(watched, close_others) for _ in range(3)]
        for one in sockets:
            one.theirs.send(b"x")
        await turns(lambda: any(one.received for one in sockets))
        await asyncio.sleep(0)
        assert sum(one.received == b"x" for one in sockets) == 1
        for one in sockets:
            if one.received:
                one.close()
        assert len(watched) == 0

    asyncio.run(scenario())


def test_a_flood_leaves_turns_to_the_event_loop() -> None:
    async def scenario() -> None:
        watched = EpollReaders()
        count = 2 * readers.READ_AT_ONCE
        sockets = [Reading(watched) for _ in range(count)]
        for one in sockets:
            one.theirs.send(b"x")
        await turns(lambda: any(one.received for one in sockets))
        assert sum(one.received == b"x" for one in sockets) == readers.READ_AT_ONCE
        await turns(lambda: all(one.received == b"x" for one in sockets))
        for one in sockets:
            one.close()

    asyncio.run(scenario())


def test_what_can_be_read_is_read_at_once() -> None:
    async def scenario() -> None:
        watched = EpollReaders()
        one = Reading(watched)
        one.theirs.send(b"x")
        watched.read_ready()
        assert one.received == b"x"
        watched.read_ready()
        one.close()

    asyncio.run(scenario())
