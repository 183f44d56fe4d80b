"""What all HTTP handlers share: JSON answers, and refusals as a status and one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from tornado.web import HTTPError, RequestHandler

from server.http.access import Refusal, refuse_host
from server.http.connection import Connection
from server.hub.hub import Hub
from server.metrics import Metrics
from server.options import Options


class OpenConnections:
    """The websockets that are open, and a way to wait until all of them are closed."""

    def __init__(self) -> None:
        self._connections: set[Connection] = set()
        self._all_closed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._connections))

    def add(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._all_closed.clear()

    def discard(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_closed.set()

    async def wait_until_all_closed(self) -> None:
        if self._connections:
            await self._all_closed.wait()


@dataclass(frozen=True)
class Context:
    """The objects that every handler works with."""

    hub: Hub
    settle: Callable[[str, int], Awaitable[bool]]
    """Waits for an answer about the epoch: see `Poller.settle`."""
    metrics: Metrics
    options: Options
    connections: OpenConnections = field(default_factory=OpenConnections)


class Handler(RequestHandler):
    """Answers in JSON, errors too."""

    def initialize(self, context: Context) -> None:
        self.context = context

    def set_default_headers(self) -> None:
        self.set_header("Server", "viewstream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        refusal = refuse_host(self.request.headers, self.context.options.hosts)
        if refusal is not None:
            self.refuse(refusal)

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Finish with `body` as JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(body) + b"\n")

    def refuse(self, refusal: Refusal, **more: object) -> None:
        """Finish with a status and a sentence."""
        self.context.metrics.refusals.labels(refusal.status).inc()
        self.answer(refusal.status, {"error": refusal.sentence, **more})

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What Tornado refuses, or what failed, said in the same way."""
        sentence = HTTPStatus(status_code).phrase.lower()
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, HTTPError) and error.log_message and status_code < 500:
            sentence = error.log_message % error.args if error.args else error.log_message
        self.refuse(Refusal(status_code, sentence))

    def is_served(self, name: str) -> bool:
        """Whether the view is served; if it is not, refuse the request."""
        if name in self.context.hub.names:
            return True
        self.refuse(unknown_view(name))
        return False


def unknown_view(name: str) -> Refusal:
    return Refusal(404, f"the view {name!r} is not served here")
