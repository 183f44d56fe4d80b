"""Many clients that come and go, each by one of the ways that the server has."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from urllib.parse import quote

from scripts.faultkit.clients import HOST
from scripts.faultkit.hostile import WEBSOCKET
from scripts.faultkit.keyring import bearer

_DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
_CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
"""A close frame of a client, masked with zeros, with the code 1000."""
_PATIENCE = 10.0


class Crowd:
    """`size` clients at a time. `visits` counts by way how many have come and gone.

    `token` signs a reader's token.
    """

    def __init__(
        self,
        size: int,
        ports: Sequence[int],
        views: Sequence[str],
        chance: random.Random,
        token: Callable[[], str],
    ) -> None:
        self.visits: Counter[str] = Counter()
        self._size = size
        self._ports = ports
        self._views = views
        self._chance = chance
        self._token = token

    async def run(self) -> None:
        """Come and go until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._size):
                group.create_task(self._visit_repeatedly())

    async def _visit_repeatedly(self) -> None:
        while True:
            way = self._chance.choice(("websocket", "deflated", "events", "rows", "deaf"))
            # The server may be down.
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._visit(way)
                self.visits[way] += 1
            await asyncio.sleep(self._chance.uniform(0, 2))

    async def _visit(self, way: str) -> None:
        """Ask for some views, read for a while, and go with or without a word."""
        views = self._chance.sample(self._views, self._chance.randint(1, len(self._views)))
        path, headers = "/view/stream", ""
        if way == "rows":
            path, views = "/view/rows", views[:1]
        elif way == "events":
            headers = "Accept: text/event-stream\r\n"
        else:
            headers = WEBSOCKET + (_DEFLATE if way == "deflated" else "")
        headers += bearer(self._token())
        query = "&".join(f"view={quote(view)}" for view in views)
        # Not wait_for: in Python 3.11 it may swallow the cancellation, and the run never ends.
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(HOST, self._chance.choice(self._ports))
        try:
            writer.write(f"GET {path}?{query} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode())
            stay = self._chance.expovariate(1 / 5)
            if way == "deaf":
                await asyncio.sleep(stay)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(stay):
                        while await reader.read(1 << 16):
                            pass
            if headers.startswith(WEBSOCKET) and self._chance.random() < 0.5:
                writer.write(_CLOSE)
        finally:
            if self._chance.random() < 0.5:
                writer.transport.abort()
            writer.close()
