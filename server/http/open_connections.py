"""All websockets and event streams of a server: counted, asked for signs of life, and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from server.access.address_limits import AddressLimits
from server.access.expiry import Expiry
from server.http.subscription import Subscription
from server.hub.hub import Hub
from server.hub.slow_clients import TOO_SLOW
from server.metrics import Metrics
from server.wire.connection import Connection

MAX_REFUSED = 32
"""Refused websockets that are open at a time, until the page answers the close. Above, a page gets
the HTTP status, which it cannot read: these connections count for no other bound."""
PINGED_AT_ONCE = 1 / 10
"""The part of all clients that is pinged in one second: after a storm all are due together."""


class OpenConnections:
    """The owner of all connections: see `Owner`."""

    def __init__(
        self, hub: Hub, metrics: Metrics, expiry: Expiry, limits: AddressLimits, stall_after: int
    ) -> None:
        self._hub = hub
        self._metrics = metrics
        self._expiry = expiry
        self._limits = limits
        self._stall_after = stall_after
        self._connections: set[Connection] = set()
        self._refused: set[Connection] = set()
        """Connections that are open only to be closed with a reason."""
        self._next_due = 0.0
        """Before this time no client can be due for a ping, or for its end."""
        self._all_closed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._connections))

    @property
    def may_explain(self) -> bool:
        """Whether one more websocket may be accepted only to be closed with a reason."""
        return len(self._refused) < MAX_REFUSED

    def add(self, connection: Connection, subscription: Subscription) -> None:
        """Add a client to the hub."""
        self._connections.add(connection)
        connection.network = subscription.network
        self._limits.add(connection.network)
        self._expiry.add(connection.close, subscription.grant)
        self._hub.add_client(
            connection,
            subscription.wanted,
            {name: one.sentence for name, one in subscription.refused.items()},
            takes_weights=subscription.takes_weights,
            every=subscription.every,
        )

    def add_refused(self, connection: Connection, code: int, reason: str) -> None:
        """Close a websocket with the reason of its refusal."""
        self._refused.add(connection)
        connection.close(code, reason)

    async def wait_until_all_closed(self) -> None:
        if self._connections:
            self._all_closed.clear()
            await self._all_closed.wait()

    def on_tick(self, now: int) -> None:
        """Ping websockets that are silent, and close those that do not answer.

        A client behind a cut network takes all that is sent until its socket's buffer is full.
        A blocked client has a limit of its own.
        """
        if now <= self._next_due:
            return
        pings = 1 + int(len(self._connections) * PINGED_AT_ONCE)
        patience = self._stall_after / 2
        self._next_due = now + patience
        for connection in self:
            if not connection.takes_pings:
                continue
            asked_at = connection.pinged_at
            since = connection.heard_at if asked_at is None else asked_at
            if now - since <= patience:
                self._next_due = min(self._next_due, since + patience)
            elif asked_at is not None:
                connection.time_out(TOO_SLOW)
            elif pings:
                pings -= 1
                connection.ping()
            else:
                self._next_due = now

    # --- as the owner ------------------------------------------------------------------------

    def on_drained(self, connection: Connection) -> None:
        self._hub.on_drained(connection)

    def on_blocked(self, connection: Connection) -> None:
        self._hub.block(connection)

    def on_closing(self, connection: Connection) -> None:
        self._expiry.remove(connection.close)
        self._hub.remove_client(connection)

    def on_closed(self, connection: Connection, code: int) -> None:
        self._metrics.on_disconnected(code)
        self._refused.discard(connection)
        if connection in self._connections:
            self._connections.remove(connection)
            self._limits.remove(connection.network)
            if not self._connections:
                self._all_closed.set()
