"""Puts the server together, and runs it until it is stopped."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from dataclasses import dataclass, field

from server.access.access import Access
from server.access.address_limits import AddressLimits
from server.access.expiry import Expiry
from server.access.reader_keys import ReaderKeyError, ReaderKeys
from server.access.reader_token import ReaderToken
from server.flusher import Flusher, now
from server.http.acceptor import MAX_REQUESTS
from server.http.handler import Context
from server.http.open_connections import OpenConnections
from server.http.service import REQUEST_TIMEOUT, Service
from server.http.subscription import Admission
from server.hub.hub import Hub
from server.hub.limits import Limits
from server.metrics import Metrics
from server.options import MAX_CLIENTS, Options
from server.upstream.database import CONNECTIONS, Database
from server.upstream.failure_log import FailureLog
from server.upstream.poller import EPOCH_EVERY
from server.upstream.tailer import FIRST_DELAY
from server.upstream.upstream import Upstream
from server.view_list import ViewList
from server.wire.listening import listen, url_of
from server.wire.readers import Readers
from server.wire.tls import CertificateError, load_certificate, make_context

log = logging.getLogger("server")


@dataclass(frozen=True)
class Bounds:
    """Bounds that are no options. The defaults are constants; tests pass tighter ones."""

    hub: Limits = field(default_factory=Limits)
    """Of these, `log_bytes`, `stale_after` and `max_parts` are options."""
    headers_timeout: float = REQUEST_TIMEOUT
    body_timeout: float = REQUEST_TIMEOUT
    max_requests: int = MAX_REQUESTS
    engine_connections: int = CONNECTIONS
    epoch_every: float = EPOCH_EVERY
    tail_delay: float = FIRST_DELAY


class Server:
    """One server, which listens at `url` until `stop`.

    To be constructed in a running event loop. Raises CertificateError, ReaderKeyError, and OSError
    if the address is not available.
    """

    def __init__(self, options: Options, bounds: Bounds | None = None) -> None:
        bounds = bounds or Bounds()
        limits = dataclasses.replace(
            bounds.hub,
            log_bytes=options.log_bytes,
            stale_after=round(options.stale_after * 1000),
            max_parts=options.max_parts,
        )
        self._options = options
        self._reader_token = _reader_token(options)
        self._tls = make_context(options)
        self._view_list = ViewList(options.views_from)
        views = dict.fromkeys([*options.views, *self._view_list.read()])
        sockets = listen(*options.listen, shares_port=options.processes > 1)
        self.url = url_of(sockets[0], is_tls=self._tls is not None)
        self.hub = Hub(views, limits, self._on_work, self._on_question, dict(options.part))
        self._metrics = Metrics(self.hub)
        self._metrics.watch_event_loop()
        self._readers = Readers.create()
        self._flusher = Flusher(self.hub, self._metrics.deltas.on_sent, self._readers.read_ready)
        self._upstream = Upstream(
            self.hub,
            self._metrics,
            Database(options.dsn, bounds.engine_connections, options.engine_timeout),
            options.is_tailed,
            compress_from=limits.compress_from,
            epoch_every=bounds.epoch_every,
            tail_delay=bounds.tail_delay,
        )
        self._expiry = Expiry()
        address_limits = AddressLimits(options.proxy, options.max_clients_per_address)
        self._service = Service(
            self._make_context(address_limits, limits),
            sockets,
            self._tls,
            address_limits,
            options.static,
            stall_after=limits.stall_after,
            max_requests=bounds.max_requests,
            headers_timeout=bounds.headers_timeout,
            body_timeout=bounds.body_timeout,
        )
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    def _make_context(self, address_limits: AddressLimits, limits: Limits) -> Context:
        options, upstream = self._options, self._upstream
        host, _ = options.listen
        access = Access(
            host,
            options.token,
            options.origin,
            options.host,
            self._reader_token,
            has_tls=self._tls is not None,
        )
        max_clients = options.max_clients or MAX_CLIENTS
        return Context(
            hub=self.hub,
            offer_or_ask=upstream.poller.offer_or_ask,
            wait_for_answer=upstream.poller.wait_for_answer,
            describe=upstream.descriptions.describe,
            metrics=self._metrics,
            access=access,
            client_network=address_limits.client_network,
            admission=Admission(access, address_limits, self.hub, max_clients),
            connections=OpenConnections(
                self.hub, self._metrics, self._expiry, address_limits, limits.stall_after
            ),
            readers=self._readers,
            max_body=options.max_body,
            compresses=limits.compress_from is not None,
            is_tailed=options.is_tailed,
            about=options.about,
        )

    async def wait_for_failure(self) -> None:
        """Raise the error of the first task that fails; no task ever ends otherwise."""
        while True:
            tasks = [*self._upstream.tasks, self._ticking]
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
                make_context(self._options)  # raises before the one in use is changed
                load_certificate(self._tls, self._options)
        except (ReaderKeyError, CertificateError) as error:
            log.error("kept what was read before: %s", error)
        else:
            log.info("the files of --reader-key, --certificate and --key were read again")

    async def stop(self) -> None:
        """Disconnect every client, and end."""
        self._service.close()
        self._ticking.cancel()
        await self._upstream.stop()
        await self._service.disconnect_all()

    def _on_work(self) -> None:
        self._flusher.on_work()

    def _on_question(self, view: str) -> None:
        self._upstream.poller.on_question(view)

    def _add_views(self) -> None:
        """Serve the views that the list of views names now, and did not name before."""
        for name in self._view_list.read():
            if name not in self.hub.names:
                self.hub.add_view(name)
                self._upstream.add_view(name)
                self.hub.questions.request_epoch(name)
                log.info("view %s is served from now on", name)

    async def _tick(self) -> None:
        failures = FailureLog(self._upstream.failure_detail)
        while True:
            await asyncio.sleep(1)
            self._add_views()
            self.hub.on_tick(now())
            self._expiry.on_tick(time.time())
            self._service.on_tick(now())
            failures.update([self.hub.report(name, now()) for name in self.hub.names], now())


def _reader_token(options: Options) -> ReaderToken | None:
    if options.reader_key is None:
        return None
    keys = ReaderKeys(options.reader_key, options.reader_audience)
    return ReaderToken(keys, options.reader_cookie)
