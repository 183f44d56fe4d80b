"""A client of the tests: follows views, and looks at every consistent point that it passes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tornado.websocket import WebSocketClientConnection, websocket_connect

from viewstream.client.follow import Follower
from viewstream.client.state import Change, ViewState
from viewstream.protocol import Row

PATIENCE = 40.0


class Witness:
    """What a client held, at every consistent point: (epoch, upper, rows)."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.points: dict[str, list[tuple[str, int, Counter[Row]]]] = {}

    def saw(self, state: ViewState, change: Change) -> None:
        points = self.points.setdefault(state.view, [])
        if points and change.lower is not None:  # invariant 2: the intervals are adjacent
            assert (change.epoch, change.lower) == points[-1][:2]
        points.append((change.epoch, change.upper, Counter(state.rows)))

    def rows(self, view: str) -> Counter[Row]:
        return Counter(self.follower.states[view].rows)

    async def until(self, condition: Callable[[], object]) -> None:
        await self.follower.until(condition, PATIENCE)

    async def until_rows(self, view: str, *rows: Row) -> None:
        """Wait until the view has just these rows."""
        try:
            await self.until(lambda: self.rows(view) == Counter(rows))
        except TimeoutError:
            found = self.rows(view)
            raise AssertionError(f"expected {view} to become {rows}, found {found}") from None


class HeardSocket:
    """A websocket that knows whether its end was heard: nothing more can be read after it."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self.is_over = False

    @property
    def close_code(self) -> int | None:
        return self._connection.close_code

    @property
    def close_reason(self) -> str | None:
        return self._connection.close_reason

    async def read_message(self) -> str | bytes | None:
        message = await self._connection.read_message()
        self.is_over = message is None
        return message

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        self._connection.close(code, reason)


@asynccontextmanager
async def following(url: str, *views: str) -> AsyncIterator[Witness]:
    """A client that follows the views while the block runs; its own failures end the block."""
    sockets: list[HeardSocket] = []

    async def keep(address: str) -> HeardSocket:
        sockets.append(HeardSocket(await websocket_connect(address)))
        return sockets[-1]

    follower = Follower(
        url, views, on_change=lambda state, change: witness.saw(state, change), dial=keep
    )
    witness = Witness(follower)
    running = asyncio.create_task(follower.run())
    try:
        yield witness
        if running.done():
            running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for socket in sockets:  # a close is a conversation: hear it out, so that nothing is left
            async with asyncio.timeout(PATIENCE):
                while not socket.is_over:
                    await socket.read_message()
