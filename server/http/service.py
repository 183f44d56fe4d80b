"""Serves HTTP at sockets: accepts connections, and gives each to the part that can answer it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from server.access.access import SMALL_BODY
from server.access.address_limits import AddressLimits
from server.http.acceptor import MAX_REQUESTS, Acceptor
from server.http.arrivals import HEAD_TIMEOUT, Arrivals
from server.http.handler import Context
from server.http.post_connection import Posts
from server.http.site import Site
from server.http.websocket import Websockets
from server.wire.counting import CountingServer

GOING_AWAY = 1001
RETURNS_PER_SECOND = 500
"""Clients that come back in any one second after a shutdown: each may need a base."""
CLOSE_TIMEOUT = 2.0
"""Seconds that clients have to answer the close of a shutdown."""
UNACKNOWLEDGED_MARGIN = 30_000
"""Milliseconds that a peer's kernel has beyond the stall limit, which is to come first."""
REQUEST_TIMEOUT = 60.0
"""Seconds for the headers of a (next) request, and again for its body: a mobile network's pause."""


class Service:
    """Serves `context` until `stop`; `static` is the folder whose files are served at /."""

    def __init__(
        self,
        context: Context,
        sockets: Sequence[socket.socket],
        tls: ssl.SSLContext | None,
        address_limits: AddressLimits,
        static: Path,
        *,
        stall_after: int,
        max_requests: int = MAX_REQUESTS,
        headers_timeout: float = REQUEST_TIMEOUT,
        body_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        self._connections = context.connections
        http = CountingServer(
            Site(context, str(static), lambda stream: http.on_request(stream)),
            max_body_size=SMALL_BODY,
            note_refusal=context.note_refusal,
            body_timeout=body_timeout,
            idle_connection_timeout=headers_timeout,
        )
        self._posts = Posts(context, http.take, headers_timeout, body_timeout)
        self._arrivals = Arrivals(
            http,
            Websockets(context).open,
            self._posts,
            address_limits,
            context.readers,
            compresses=context.compresses,
            max_requests=max_requests,
            note_refusal=context.note_refusal,
            head_timeout=min(headers_timeout, HEAD_TIMEOUT),
        )
        self._acceptor = Acceptor(
            http, sockets, tls, self._arrivals, stall_after + UNACKNOWLEDGED_MARGIN
        )

    def on_tick(self, at: int) -> None:
        """Close connections that take too long, or give no sign of life; about once a second."""
        self._arrivals.on_tick(at)
        self._posts.on_tick(at)
        self._connections.on_tick(at)

    def close(self) -> None:
        """Take no more connections and posts."""
        self._acceptor.close()
        self._posts.close()

    async def disconnect_all(self) -> None:
        """Disconnect every client with the delay after which to return, spread out."""
        spread = 1 + len(self._connections) / RETURNS_PER_SECOND
        for connection in self._connections:
            delay = random.uniform(0.2, spread)  # noqa: S311 -- not a secret
            connection.close(GOING_AWAY, f"retry={delay:.1f}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connections.wait_until_all_closed(), CLOSE_TIMEOUT)
