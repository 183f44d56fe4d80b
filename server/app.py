"""Puts the server together, and runs it until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application

from server.flusher import Flusher, now
from server.http.acceptor import MAX_REQUESTS, Acceptor
from server.http.access import SMALL_BODY, Access, refuse_path, refuse_unwanted_body
from server.http.address_limits import AddressLimits
from server.http.arrivals import HEAD_TIMEOUT, Arrivals
from server.http.counting import CountingServer
from server.http.deltas import Deltas
from server.http.events import EventStream, wants_events
from server.http.expiry import Expiry
from server.http.handler import Context
from server.http.handlers import (
    About,
    Exposition,
    Frontier,
    Health,
    NamedPage,
    NotFound,
    OwnPage,
    Page,
    Preflight,
    Refused,
)
from server.http.library import LibraryFile
from server.http.open_connections import OpenConnections
from server.http.post_connection import Posts
from server.http.reader_keys import ReaderKeyError, ReaderKeys
from server.http.reader_token import ReaderToken
from server.http.readiness import Readiness
from server.http.refusal import Refusal
from server.http.rows import Bodies, Rows
from server.http.subscription import Admission
from server.http.views import Views
from server.http.websocket import Stream, open_websocket
from server.hub.hub import Hub
from server.hub.limits import Limits
from server.metrics import Metrics
from server.options import MAX_CLIENTS, STATIC, Options
from server.upstream.database import CONNECTIONS, Database
from server.upstream.descriptions import Descriptions
from server.upstream.failure_log import FailureLog
from server.upstream.poller import EPOCH_EVERY, Poller
from server.upstream.reader import Reader
from server.upstream.tailer import FIRST_DELAY, Tailer
from server.view_list import ViewList

log = logging.getLogger("server")

DELTAS = "/view/deltas"
STREAM = "/view/stream"
CROSS_ORIGIN = {STREAM, "/view/rows", "/view/frontier"}
"""Paths that pages of allowed origins may read; besides the library's files."""
GOING_AWAY = 1001
RETURNS_PER_SECOND = 500
"""Clients that come back in any one second after a shutdown: each may need a base."""
CLOSE_TIMEOUT = 2.0
"""Seconds that clients have to answer the close of a shutdown."""
UNACKNOWLEDGED_MARGIN = 30_000
"""Milliseconds that a peer's kernel has beyond the stall limit, which is to come first."""
REQUEST_TIMEOUT = 60.0
"""Seconds for the headers of a (next) request, and again for its body: a mobile network's pause."""
LISTEN_BACKLOG = 4096
"""Connections that the kernel queues: clients of a server that restarts come within a second."""


@dataclass(frozen=True)
class Bounds:
    """Bounds that are no options. The defaults are constants; tests pass tighter ones."""

    hub: Limits = field(default_factory=Limits)
    """Of these, `log_bytes` and `stale_after` are options."""
    headers_timeout: float = REQUEST_TIMEOUT
    body_timeout: float = REQUEST_TIMEOUT
    max_requests: int = MAX_REQUESTS
    engine_connections: int = CONNECTIONS
    epoch_every: float = EPOCH_EVERY
    tail_delay: float = FIRST_DELAY


class CertificateError(Exception):
    """The certificate or its key cannot be used; the message names both."""


class Server:
    """One server, which listens at `url` until `stop`.

    To be constructed in a running event loop. Raises CertificateError, and OSError if the address
    is not available.
    """

    def __init__(self, options: Options, bounds: Bounds | None = None) -> None:
        bounds = bounds or Bounds()
        limits = dataclasses.replace(
            bounds.hub,
            log_bytes=options.log_bytes,
            stale_after=round(options.stale_after * 1000),
            max_parts=options.max_parts,
        )
        self._is_tailed = options.is_tailed
        self._options = options
        self._reader_token = _reader_token(options)
        self._tls = tls = _tls_context(options)
        host, port = options.listen
        sockets = bind_sockets(port, host, backlog=LISTEN_BACKLOG, reuse_port=options.processes > 1)
        self.url = _url(sockets[0].getsockname(), is_tls=tls is not None)
        self._view_list = ViewList(options.views_from)
        views = dict.fromkeys([*options.views, *self._view_list.read()])
        self.hub = Hub(views, limits, self._on_work, self._on_question, dict(options.part))
        self._metrics = Metrics(self.hub)
        self._database = Database(options.dsn, bounds.engine_connections, options.engine_timeout)
        self._metrics.watch_pool(self._database)
        self._metrics.watch_event_loop()
        self._flusher = Flusher(self.hub, self._metrics.on_sent)
        reader = Reader(self._database)
        self._descriptions = Descriptions(self._database, reader)
        self._poller = Poller(
            self.hub,
            reader,
            self._metrics,
            compress_from=limits.compress_from,
            reads_at_once=max(bounds.engine_connections - 1, 1),
            epoch_every=bounds.epoch_every,
        )
        tailed = list(filter(self._is_tailed, views))
        self._tailer = Tailer(
            tailed,
            self.hub,
            self._database,
            reader,
            self._poller.offer,
            first_delay=bounds.tail_delay,
        )
        access = Access(host, options.token, options.origin, options.host, self._reader_token)
        address_limits = AddressLimits(options.proxy, options.max_clients_per_address)
        max_clients = options.max_clients or MAX_CLIENTS
        self._expiry = Expiry()
        self._connections = OpenConnections(
            self.hub, self._metrics, self._expiry, address_limits, limits.stall_after
        )
        context = Context(
            hub=self.hub,
            offer_or_ask=self._poller.offer_or_ask,
            wait_for_answer=self._poller.wait_for_answer,
            describe=self._descriptions.describe,
            metrics=self._metrics,
            access=access,
            client_network=address_limits.client_network,
            admission=Admission(access, address_limits, self.hub, max_clients),
            connections=self._connections,
            max_body=options.max_body,
            compresses=limits.compress_from is not None,
            is_tailed=self._is_tailed,
            about=options.about,
        )
        http = CountingServer(
            Site(context, str(options.static), lambda stream: http.on_request(stream)),
            max_body_size=SMALL_BODY,
            body_timeout=bounds.body_timeout,
            idle_connection_timeout=bounds.headers_timeout,
        )
        self._posts = Posts(context, http.take, bounds.headers_timeout, bounds.body_timeout)
        self._arrivals = Arrivals(
            http,
            partial(open_websocket, context),
            self._posts,
            address_limits,
            max_requests=bounds.max_requests,
            head_timeout=min(bounds.headers_timeout, HEAD_TIMEOUT),
        )
        self._acceptor = Acceptor(
            http, sockets, tls, self._arrivals, limits.stall_after + UNACKNOWLEDGED_MARGIN
        )
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    async def wait_for_failure(self) -> None:
        """Raise the error of the first task that fails; no task ever ends otherwise."""
        while True:
            tasks = [*self._poller.tasks, *self._tailer.tasks, self._ticking]
            # A view that is added later has tasks of its own, so the list is made again.
            done, _ = await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if done:
                return

    def reload(self) -> None:
        """Read the reader keys and the certificate again; keep those that cannot be used.

        Clients with tokens of a key that is gone are disconnected.
        """
        try:
            if self._reader_token is not None:
                self._reader_token.keys.reload()
                self._expiry.on_reload(self._reader_token.keys.is_known)
            if self._tls is not None:
                _tls_context(self._options)  # raises before the one in use is changed
                _load_certificate(self._tls, self._options)
        except (ReaderKeyError, CertificateError) as error:
            log.error("kept what was read before: %s", error)
        else:
            log.info("the files of --reader-key, --certificate and --key were read again")

    async def stop(self) -> None:
        """Disconnect every client with the delay after which to return, spread out, and end."""
        self._acceptor.close()
        self._posts.close()
        self._ticking.cancel()
        await self._tailer.stop()
        await self._poller.stop()
        await self._descriptions.stop()
        self._database.close()
        spread = 1 + len(self._connections) / RETURNS_PER_SECOND
        for connection in self._connections:
            delay = random.uniform(0.2, spread)  # noqa: S311 -- not a secret
            connection.close(GOING_AWAY, f"retry={delay:.1f}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connections.wait_until_all_closed(), CLOSE_TIMEOUT)

    def _on_work(self) -> None:
        self._flusher.on_work()

    def _on_question(self, view: str) -> None:
        self._poller.on_question(view)

    def _add_views(self) -> None:
        """Serve the views that the list of views names now, and did not name before."""
        for name in self._view_list.read():
            if name not in self.hub.names:
                self.hub.add_view(name)
                self._poller.add_view(name)
                if self._is_tailed(name):
                    self._tailer.add_view(name)
                self.hub.questions.request_epoch(name)
                log.info("view %s is served from now on", name)

    def _failure_detail(self, view: str) -> str:
        """Why a view fails, in the words of libpq or the engine, which are only for the log."""
        return self._poller.details.get(view) or self._tailer.details.get(view, "")

    async def _tick(self) -> None:
        failures = FailureLog(self._failure_detail)
        while True:
            await asyncio.sleep(1)
            self._add_views()
            self.hub.on_tick(now())
            self._expiry.on_tick(time.time())
            self._arrivals.on_tick(now())
            self._posts.on_tick(now())
            self._connections.on_tick(now())
            failures.update([self.hub.report(name, now()) for name in self.hub.names], now())


class Site(Application):
    """Maps paths to handlers. `static` is the folder whose files are served at /.

    The client library is always at /viewstream/, so that a page of one's own can import it.
    """

    def __init__(
        self, context: Context, static: str, on_request: Callable[[IOStream], None]
    ) -> None:
        self._on_request = on_request
        self._shared = {"context": context}
        self._access = context.access
        page = {"path": static, "default_filename": "index.html"}
        library = {"path": str(STATIC / "viewstream"), "access": context.access}
        own = [
            ("/(views)", NamedPage, {**page, "file": "views.html"}),
            ("/(pipeline)", NamedPage, {**page, "file": "pipeline.html"}),
            ("/(views/[^/]+)", NamedPage, {**page, "file": "view.html"}),
        ]
        super().__init__(
            [
                (STREAM, Stream, self._shared),
                (DELTAS, Deltas, self._shared),
                ("/view/frontier", Frontier, self._shared),
                ("/view/rows", Rows, {**self._shared, "bodies": Bodies()}),
                ("/view/list", Views, self._shared),
                ("/view/.*", NotFound, self._shared),
                ("/healthz", Health, self._shared),
                ("/readyz", Readiness, self._shared),
                ("/metrics", Exposition, self._shared),
                ("/about.json", About, self._shared),
                ("/viewstream/(.*)", LibraryFile, library),
                *(own if static == str(STATIC) else []),
                ("/(.*)", Page if static == str(STATIC) else OwnPage, page),
            ],
            default_handler_class=NotFound,
            default_handler_args=self._shared,
            log_function=lambda handler: None,
        )

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Choose by more than the path.

        The rules for all handlers are applied here: an ordinary handler runs only when the body
        has arrived, and Tornado's own know no rules.
        """
        assert isinstance(request.connection, HTTP1Connection)
        self._on_request(request.connection.stream)
        refusal = self._refuse(request)
        if refusal is not None:
            return self.get_handler_delegate(request, Refused, {**self._shared, "refusal": refusal})
        if request.method == "OPTIONS" and request.path in CROSS_ORIGIN:
            return self.get_handler_delegate(request, Preflight, self._shared)
        if request.path == STREAM and wants_events(request):
            return self.get_handler_delegate(request, EventStream, self._shared)
        return super().find_handler(request, **kwargs)

    def _refuse(self, request: HTTPServerRequest) -> Refusal | None:
        """Refuse by host, path and body; the stream explains a foreign host to pages itself."""
        headers, path = request.headers, request.path
        if path != STREAM and (refusal := self._access.refuse_host(headers)) is not None:
            return refusal
        is_post = path == DELTAS
        return refuse_path(path) or (None if is_post else refuse_unwanted_body(headers))


def _url(address: tuple[Any, ...], *, is_tls: bool) -> str:
    host, port = address[:2]
    return f"{'https' if is_tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _reader_token(options: Options) -> ReaderToken | None:
    if options.reader_key is None:
        return None
    keys = ReaderKeys(options.reader_key, options.reader_audience)
    return ReaderToken(keys, options.reader_cookie)


def _tls_context(options: Options) -> ssl.SSLContext | None:
    if options.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load_certificate(context, options)
    return context


def _load_certificate(context: ssl.SSLContext, options: Options) -> None:
    assert options.certificate is not None
    try:
        context.load_cert_chain(options.certificate, options.key)
    except OSError as error:  # ssl.SSLError is one
        files = f"{options.certificate} and {options.key}"
        raise CertificateError(f"cannot serve TLS with {files}: {error}") from error
