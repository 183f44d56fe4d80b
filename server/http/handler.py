"""The base of all HTTP handlers: JSON answers, refusals with a status and one sentence."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from server.flusher import now
from server.http.access import Access
from server.http.connection import Connection
from server.http.expiry import Expiry
from server.http.grant import Grant
from server.http.refusal import Refusal, RefusalLog, refuse_view
from server.hub.history import Outcome
from server.hub.hub import Hub
from server.metrics import Metrics
from viewstream.protocol import Delta

log = logging.getLogger("server")

LOGGED_PATH = 200
"""Characters of a path in the log: an outsider chooses it."""


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

    def remove(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._all_closed.set()

    async def wait_until_all_closed(self) -> None:
        if self._connections:
            await self._all_closed.wait()


@dataclass(frozen=True)
class Context:
    """The objects and bounds that all handlers of one server share."""

    hub: Hub
    offer: Callable[[Delta], Awaitable[Outcome]]
    """Gives the hub a delta: see `Poller.offer`."""
    wait_for_answer: Callable[[float], Awaitable[None]]
    """Waits for the engine's next answer: see `Poller.wait_for_answer`."""
    metrics: Metrics
    access: Access
    max_clients: int
    max_body: int
    compresses: bool
    """Whether permessage-deflate is negotiated."""
    is_tailed: Callable[[str], bool] = lambda view: False
    """Whether the server reads a view's changes itself, so that nobody may post them."""
    about: str | None = None
    connections: OpenConnections = field(default_factory=OpenConnections)
    expiry: Expiry = field(default_factory=Expiry)
    refused: set[object] = field(default_factory=set)
    """Websockets that are open only to be closed with a reason."""
    refusal_log: RefusalLog = field(default_factory=RefusalLog)


class Handler(RequestHandler):
    """Answers in JSON, also what Tornado refuses and what fails."""

    allows_other_origins = False
    """Whether pages of the origins that `--origin` allows may read the answer."""
    allowed_methods = "GET, HEAD"
    """For the header Allow of a refused method."""

    def initialize(self, context: Context) -> None:
        self.context = context

    def set_default_headers(self) -> None:
        self.set_header("Server", "viewstream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        if self.allows_other_origins:
            allow_origin(self, self.context.access)

    def head(self, *args: str, **kwargs: str) -> Awaitable[None] | None:
        """Answer as to GET; Tornado sends no body."""
        return self.get(*args, **kwargs)

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Finish with `body` as JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(body) + b"\n")

    def refuse(self, refusal: Refusal, **more: object) -> None:
        """Finish with a status and a sentence."""
        self.note_refusal(refusal)
        if refusal.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        self.answer(refusal.status, {"error": refusal.sentence, **more})

    def note_refusal(self, refusal: Refusal) -> None:
        """Count the refusal, and log it."""
        self.context.metrics.on_refused(refusal.status, refusal.label)
        request = f"{self.request.method} {self.request.path!r} from {self.request.remote_ip}"
        self.context.refusal_log.add(refusal, request, now())

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        sentence = HTTPStatus(status_code).phrase.lower()
        if status_code == 405:
            self.refuse_method()
            return
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, HTTPError) and error.log_message and status_code < 500:
            sentence = error.log_message % error.args if error.args else error.log_message
        self.refuse(Refusal(status_code, sentence))

    def refuse_method(self) -> None:
        """Refuse a method that the path does not have."""
        self.set_header("Allow", self.allowed_methods)
        found, expected = self.request.method, self.allowed_methods
        self.refuse(Refusal(405, f"expected {expected.replace(', ', ' or ')}, found {found}"))

    def log_exception(self, *error: Any) -> None:
        log_failure(self, error)

    def find_grant(self) -> Grant | Refusal:
        """Return what the request's token grants."""
        return self.context.access.find_grant(self.request.headers, time.time())

    def find_operator_grant(self) -> Grant | Refusal:
        """Return the same, and every view for a request that may post."""
        request = self.request
        return self.context.access.find_operator_grant(
            request.headers, request.version, request.remote_ip or "", time.time()
        )

    def may_read(self, name: str, grant: Grant | Refusal) -> bool:
        """Whether the view is served and granted; if it is not, refuse the request."""
        if isinstance(grant, Refusal):
            self.refuse(grant)
            return False
        refusal = refuse_view(name, self.context.hub.names, grant)
        if refusal is not None:
            self.refuse(refusal)
        return refusal is None


def log_failure(handler: RequestHandler, error: tuple[Any, ...]) -> None:
    """Log why a request failed, unless it was refused, or its client has gone."""
    if not isinstance(error[1], HTTPError | StreamClosedError):
        request = f"{handler.request.method} {handler.request.path[:LOGGED_PATH]!r}"
        log.error("%s failed", request, exc_info=error)


def allow_origin(handler: RequestHandler, access: Access) -> None:
    """Let pages of an allowed origin read the answer (CORS)."""
    handler.set_header("Vary", "Origin")
    origin = access.allowed_origin(handler.request.headers)
    if origin is not None:
        handler.set_header("Access-Control-Allow-Origin", origin)
        handler.set_header("Access-Control-Expose-Headers", "ETag, Retry-After")
