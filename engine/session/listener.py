"""Accepts clients, limits their number, and finds the one that another wants to cancel."""

from __future__ import annotations

import asyncio
import secrets

from engine.coordinator import Coordinator
from engine.errors import SqlError
from engine.pgwire import messages
from engine.session.client import Client, Limits

SPARE_CONNECTIONS = 32
"""Connections beyond those that are served, for cancel requests."""


class Listener:
    """Serves the coordinator to every client that connects."""

    def __init__(self, coordinator: Coordinator, limits: Limits) -> None:
        self.coordinator = coordinator
        self.limits = limits
        self.waiting_bytes = 0
        self._clients: dict[int, Client] = {}
        self._served: set[int] = set()
        self._last_id = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Begin to listen; returns the address. Raises OSError if it cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Client(self), host, port, backlog=1024, reuse_address=True
        )
        address = self._server.sockets[0].getsockname()
        return address[0], address[1]

    async def stop(self) -> None:
        """Stop listening, end every client, and wait until their sessions are closed."""
        if self._server is not None:
            self._server.close()
        clients = list(self._clients.values())
        for client in clients:
            client.shut_down()
        tasks = [client.task for client in clients if client.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    def register(self, client: Client) -> int:
        """Give a client its number; raises SqlError if there are too many."""
        if len(self._clients) >= self.limits.max_connections + SPARE_CONNECTIONS:
            raise self._too_many()
        self._last_id = self._last_id % (2**31 - 1) + 1
        while self._last_id in self._clients:
            self._last_id = self._last_id % (2**31 - 1) + 1
        self._clients[self._last_id] = client
        return self._last_id

    def begin_service(self, client_id: int) -> None:
        """Count a client among those that are served; raises SqlError if there are too many."""
        if len(self._served) >= self.limits.max_connections:
            raise self._too_many()
        self._served.add(client_id)

    def unregister(self, client_id: int) -> None:
        self._clients.pop(client_id, None)
        self._served.discard(client_id)

    def _too_many(self) -> SqlError:
        return SqlError(
            f"too many connections: at most {self.limits.max_connections} are served",
            "53300",
            hint="raise --max-connections",
        )

    def cancel(self, request: messages.CancelRequest) -> None:
        """End what the client of that number is doing, if the secret is right."""
        client = self._clients.get(request.process_id)
        if client is not None and secrets.compare_digest(
            _as_bytes(client.secret), _as_bytes(request.secret)
        ):
            client.session.interrupt()


def _as_bytes(number: int) -> bytes:
    return number.to_bytes(4, "big", signed=True)
