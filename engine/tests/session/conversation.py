"""A session without sockets, over a coordinator without an engine: say messages, read answers."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any, cast

from engine.coordinator import Coordinator
from engine.pgwire import messages as m
from engine.session.session import Session
from engine.tests.session.fake import FakeCoordinator


class Conversation:
    """`say` returns what was answered: (kind, contents) of each message, in order.

    `output.blocked` makes the client one that does not read.
    """

    def __init__(self) -> None:
        self.coordinator = FakeCoordinator()
        self._written = bytearray()
        self.writable = asyncio.Event()
        self.writable.set()
        self.session = Session(cast(Coordinator, self.coordinator), self)

    # As the session's output

    def write(self, data: bytes) -> None:
        self._written += data

    def flush(self) -> None:
        pass

    async def drain(self) -> None:
        await asyncio.sleep(0)
        await self.writable.wait()

    async def receive(self) -> m.FrontendMessage | None:
        return None

    # For tests

    async def say(self, *said: m.FrontendMessage) -> list[tuple[str, bytes]]:
        for message in said:
            await self.session.handle(message)
        return self.heard()

    async def query(self, sql: str) -> list[tuple[str, bytes]]:
        return await self.say(m.Query(sql))

    def heard(self) -> list[tuple[str, bytes]]:
        """The messages written since the last call."""
        data, found = bytes(self._written), []
        self._written.clear()
        while data:
            (length,) = struct.unpack_from("!i", data, 1)
            found.append((chr(data[0]), data[5 : 1 + length]))
            data = data[1 + length :]
        return found


async def until(condition: Callable[[], object]) -> None:
    """Give everybody turns until the condition is true."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")


def kinds(answer: list[tuple[str, bytes]]) -> str:
    """The types of the messages as one word."""
    return "".join(kind for kind, _ in answer)


def error(answer: list[tuple[str, bytes]]) -> dict[str, str]:
    """The fields of the one error in an answer."""
    (body,) = [body for kind, body in answer if kind == "E"]
    fields = body.decode().rstrip("\0").split("\0")
    return {field[0]: field[1:] for field in fields}


def tags(answer: list[tuple[str, bytes]]) -> list[str]:
    return [body.rstrip(b"\0").decode() for kind, body in answer if kind == "C"]


def rows(answer: list[tuple[str, bytes]]) -> list[tuple[bytes | None, ...]]:
    return [_values(body) for kind, body in answer if kind == "D"]


def _values(body: bytes) -> tuple[bytes | None, ...]:
    (count,), at, values = struct.unpack_from("!h", body), 2, []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at : at + length])
        at += max(length, 0)
    return tuple(values)


def converse(test: Callable[[Conversation], Awaitable[Any]]) -> Callable[[], None]:
    """Make a test of a coroutine that takes a Conversation."""

    def run() -> None:
        async def begin() -> None:
            async with asyncio.timeout(60):
                await test(Conversation())

        asyncio.run(begin())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run
