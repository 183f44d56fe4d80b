"""Puts the server together, and runs it until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import Application

from server.failure_log import FailureLog
from server.flusher import Flusher, now
from server.http.acceptor import Acceptor, CountingServer
from server.http.handler import Context
from server.http.handlers import (
    SMALL_BODY,
    About,
    Deltas,
    Exposition,
    Frontier,
    Health,
    NotFound,
    Page,
    Unwanted,
    refuse_unwanted_body,
)
from server.http.websocket import MAX_MESSAGE, Stream
from server.hub.hub import Hub
from server.metrics import Metrics
from server.options import Options
from server.upstream.database import Database
from server.upstream.poller import Poller
from server.upstream.reader import Reader

log = logging.getLogger("server")

DELTAS = "/view/deltas"
GOING_AWAY = 1001
RETURNS_PER_SECOND = 500
"""How many clients are told to come back in any one second after a shutdown."""
FAREWELL = 2.0
"""Seconds that clients have to answer the close of a shutdown."""


class CertificateError(Exception):
    """The certificate or its key cannot be used; the message names both."""


class Server:
    """One server. `start`, then `stop`; `url` says where it listens."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.url = ""

    async def start(self) -> None:
        """Listen; raises CertificateError, and OSError if the address cannot be had."""
        options = self._options
        tls = _tls(options)
        loop = asyncio.get_running_loop()
        self._metrics = Metrics()
        self._database = Database(options.dsn, options.engine_connections, options.engine_timeout)
        self._poller = Poller(
            Reader(self._database),
            self._metrics,
            compress_from=options.compress_from,
            epoch_every=options.epoch_every,
        )
        self._flusher = Flusher(loop)
        self.hub = Hub(
            options.views, options.limits, self._flusher.on_work, self._poller.on_question
        )
        self._context = Context(self.hub, self._poller.settle, self._metrics, options)
        self._metrics.watch(self.hub)
        sockets = bind_sockets(options.port, options.host, backlog=4096)
        host, port = sockets[0].getsockname()[:2]
        scheme = "http" if options.certificate is None else "https"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        http = CountingServer(
            Site(self._context),
            max_body_size=SMALL_BODY,
            body_timeout=options.body_timeout,
            idle_connection_timeout=options.idle_timeout,
        )
        self._acceptor = Acceptor(http, sockets, tls, options.max_requests)
        self._flusher.start(self.hub)
        self._poller.start(self.hub)
        self._ticking = asyncio.create_task(self._tick())

    async def failed(self) -> None:
        """Return never, unless something fails that should run for ever; raises that error."""
        tasks = [*self._poller.tasks, self._ticking]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Tell every client when to come back, spread out, and end."""
        self._acceptor.close()
        self._ticking.cancel()
        await self._poller.stop()
        self._database.close()
        connections = self._context.connections
        spread = 1 + len(connections) / RETURNS_PER_SECOND
        for connection in connections:
            connection.close(GOING_AWAY, f"retry={random.uniform(0.2, spread):.1f}")  # noqa: S311
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(connections.wait_until_all_closed(), FAREWELL)

    async def _tick(self) -> None:
        failure_log = FailureLog()
        mismatches = dict.fromkeys(self.hub.names, 0)
        while True:
            await asyncio.sleep(1)
            self.hub.on_tick(now())
            reports = [self.hub.report(name, now()) for name in self.hub.names]
            failure_log.look(reports, now())
            for view in reports:
                if view.audit_mismatches > mismatches[view.name]:
                    mismatches[view.name] = view.audit_mismatches
                    log.warning(
                        "view %s: a base is not what the TAIL came to (%d times so far)",
                        view.name,
                        view.audit_mismatches,
                    )


class Site(Application):
    """Which path leads where."""

    def __init__(self, context: Context) -> None:
        self._shared = {"context": context}
        page = {"path": str(context.options.static), "default_filename": "index.html"}
        super().__init__(
            [
                ("/view/stream", Stream, self._shared),
                (DELTAS, Deltas, self._shared),
                ("/view/frontier", Frontier, self._shared),
                ("/view/.*", NotFound, self._shared),
                ("/healthz", Health, self._shared),
                ("/metrics", Exposition, self._shared),
                ("/about.json", About, self._shared),
                ("/(.*)", Page, page),
            ],
            websocket_max_message_size=MAX_MESSAGE,
            log_function=lambda handler: None,
        )

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """A handler gets to see a request only when its body is there: too late for a large one."""
        if request.path != DELTAS and refuse_unwanted_body(request.headers) is not None:
            return self.get_handler_delegate(request, Unwanted, self._shared)
        return super().find_handler(request, **kwargs)


def _tls(options: Options) -> ssl.SSLContext | None:
    if options.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(options.certificate, options.key)
    except OSError as error:  # ssl.SSLError is one
        files = f"{options.certificate} and {options.key}"
        raise CertificateError(f"cannot serve TLS with {files}: {error}") from error
    return context
