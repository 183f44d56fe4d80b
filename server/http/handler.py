"""The base of all HTTP handlers: JSON answers, refusals with a status and one sentence."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from server.access.access import Access
from server.access.grant import Grant
from server.access.refusal import Refusal, RefusalLog, hide_tokens, refuse_view
from server.flusher import now
from server.http.open_connections import OpenConnections
from server.http.subscription import Admission
from server.hub.hub import Hub
from server.hub.post_check import Outcome
from server.metrics import Metrics
from server.wire.readers import Readers
from viewstream.names import ViewName
from viewstream.protocol import Column, Delta

log = logging.getLogger("server")

LOGGED_PATH = 200
"""Characters of a path in the log: an outsider chooses it."""


class Description(Protocol):
    """The engine's answers about a view; None where it did not answer."""

    @property
    def kind(self) -> str | None:
        """Such as `materialized view`, or `internal table`."""

    @property
    def sql(self) -> str | None:
        """The statement that creates it."""

    @property
    def columns(self) -> Sequence[Column] | None: ...

    @property
    def rows(self) -> int | None:
        """How many there are."""


@dataclass(frozen=True)
class Context:
    """The objects and bounds that all handlers of one server share."""

    hub: Hub
    offer_or_ask: Callable[[Delta], Outcome | Coroutine[Any, Any, Outcome]]
    """Gives the hub a delta: see `Poller.offer_or_ask`."""
    wait_for_answer: Callable[[float], Awaitable[None]]
    """Waits for the engine's next answer: see `Poller.wait_for_answer`."""
    describe: Callable[[Sequence[str]], Awaitable[Mapping[str, Description]]]
    """Asks the engine what views are: see `Descriptions.describe`."""
    metrics: Metrics
    access: Access
    client_network: Callable[[str, Mapping[str, str]], str]
    """The network of a client: see `AddressLimits.client_network`."""
    admission: Admission
    connections: OpenConnections
    readers: Readers
    max_body: int
    compresses: bool
    """Whether permessage-deflate is negotiated."""
    is_tailed: Callable[[str], bool] = lambda view: False
    """Whether the server reads a view's changes itself, so that nobody may post them."""
    about: str | None = None
    refusal_log: RefusalLog = field(default_factory=RefusalLog)

    def note_refusal(self, refusal: Refusal, request: str, address: str) -> None:
        """Count the refusal of a request, such as "GET '/view/stream'", and log it."""
        self.metrics.on_refused(refusal.status, refusal.label)
        self.refusal_log.add(refusal, f"{request} from {address}", now())

    def note_refusal_of(self, refusal: Refusal, request: HTTPServerRequest) -> None:
        """Count the refusal of one of Tornado's requests, and log it."""
        client = self.client_network(request.remote_ip or "", request.headers)
        self.note_refusal(refusal, f"{request.method} {request.path!r}", client)


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

    def decode_arguments(self) -> dict[str, list[str]]:
        """The arguments of the query, each with all its values."""
        return {name: self.arguments_of(name) for name in self.request.query_arguments}

    def arguments_of(self, name: str) -> list[str]:
        """The values of an argument as they are; Tornado's method replaces control codes."""
        values = self.request.query_arguments.get(name, [])
        return [self.decode_argument(value, name) for value in values]

    def answer(self, status: int, body: dict[str, Any]) -> None:
        """Finish with `body` as JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(body) + b"\n")

    def refuse(self, refusal: Refusal, **more: object) -> None:
        """Finish with a status and a sentence."""
        self.note_refusal(refusal)
        for name, value in refusal.headers.items():
            self.set_header(name, value)
        self.answer(refusal.status, {"error": refusal.sentence, **more})

    def note_refusal(self, refusal: Refusal) -> None:
        """Count the refusal, and log it."""
        self.context.note_refusal_of(refusal, self.request)

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
        """Whether the whole view is served and granted; if it is not, refuse the request."""
        if isinstance(grant, Refusal):
            self.refuse(grant)
            return False
        refusal = refuse_view(ViewName(name), self.context.hub, grant)
        if refusal is not None:
            self.refuse(refusal)
        return refusal is None


def log_failure(handler: RequestHandler, error: tuple[Any, ...]) -> None:
    """Log why a request failed, unless it was refused, or its client has gone."""
    if not isinstance(error[1], HTTPError | StreamClosedError):
        request = f"{handler.request.method} {hide_tokens(handler.request.path)[:LOGGED_PATH]!r}"
        log.error("%s failed", request, exc_info=error)


def allow_origin(handler: RequestHandler, access: Access) -> None:
    """Let pages of an allowed origin read the answer (CORS)."""
    handler.set_header("Vary", "Origin")
    origin = access.allowed_origin(handler.request.headers)
    if origin is not None:
        handler.set_header("Access-Control-Allow-Origin", origin)
        handler.set_header("Access-Control-Expose-Headers", "ETag, Retry-After")
