"""Accepts connections: a few a turn of the event loop, and no more than there are descriptors for.

A storm of connections therefore leaves turns to established clients, and connections above the
limit wait in the listen queue instead of failing inside the process.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
from collections.abc import Sequence

from tornado.iostream import IOStream
from tornado.netutil import ssl_wrap_socket

from server.http.arrivals import Arrivals
from server.wire.counting import MAX_BUFFER, CountingServer, TlsStream

log = logging.getLogger("server")

MAX_REQUESTS = 2_000
"""Connections at a time that are no streams, or not yet. Some thousand handshakes a second are
served, so the last of these waits about a second."""
SPARE_DESCRIPTORS = 64
"""For all else: the event loop, listening sockets, the engine, files of the page, libraries."""
ACCEPTED_AT_ONCE = 32
"""Connections that are accepted in one turn of the event loop: about 2 ms of handshakes."""
ERROR_PAUSE = 0.5
"""Seconds to wait after accept() failed, usually because no descriptor is left."""
FULL_PAUSE = 0.05
"""Seconds to wait at the limit of connections: most requests take less."""
WARN_EVERY = 60.0
"""Seconds between two log lines about connections that are not accepted."""


def raise_descriptor_limit(needed: int) -> int:
    """Raise the soft limit of open files to `needed`, as far as the hard limit allows; return it.

    Returns `needed` if the limit is higher already.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def fit_descriptors(clients: int, requests: int, limit: int) -> tuple[int, int]:
    """Reduce (clients, requests) to what `limit` descriptors have room for.

    Otherwise the last clients would get no refusal, but no answer at all.
    """
    if clients + requests + SPARE_DESCRIPTORS <= limit:
        return clients, requests
    left = max(limit - SPARE_DESCRIPTORS, 2)
    requests = max(min(requests, left // 4), 1)
    return min(clients, left - requests), requests


class Acceptor:
    """Accepts connections, and passes them on: to `arrivals`, or with TLS to `http`.

    A connection whose peer's kernel has not acknowledged bytes for `unacknowledged_timeout`
    milliseconds is lost; 0 is the system's default of some 15 minutes.
    """

    def __init__(
        self,
        http: CountingServer,
        sockets: Sequence[socket.socket],
        tls: ssl.SSLContext | None,
        arrivals: Arrivals,
        unacknowledged_timeout: int = 0,
    ) -> None:
        self._http = http
        self._arrivals = arrivals
        self._warned_at = -WARN_EVERY
        self._sockets = sockets
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        for listening in sockets:
            # Accepted sockets inherit these.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; elsewhere only pings find lost clients
                listening.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unacknowledged_timeout
                )
            self._loop.add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Close the listening sockets, and the connections that have not asked for anything."""
        for listening in self._sockets:
            self._loop.remove_reader(listening)
            listening.close()
        self._arrivals.close()

    def _accept(self, listening: socket.socket) -> None:
        arrivals = self._arrivals
        has_room_for_all = arrivals.room >= ACCEPTED_AT_ONCE
        for _ in range(ACCEPTED_AT_ONCE):
            has_room = has_room_for_all or arrivals.room > 0
            if not has_room and not self._http.close_oldest_silent():
                self._pause(listening, "there are too many that are no streams", FULL_PAUSE)
                return
            try:
                connection, address = listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(listening, str(error), ERROR_PAUSE)
                return
            if self._tls is None:
                arrivals.add(connection, address)
            else:
                self._http.handle_stream(_wrap(connection, self._tls), address)

    def _pause(self, listening: socket.socket, reason: str, seconds: float) -> None:
        """Stop watching a socket that stays readable, and try again after `seconds`."""
        if self._loop.time() - self._warned_at >= WARN_EVERY:
            self._warned_at = self._loop.time()
            log.warning("no connection is accepted for now: %s", reason)
        self._loop.remove_reader(listening)
        self._loop.call_later(seconds, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._accept, listening)


def _wrap(connection: socket.socket, tls: ssl.SSLContext) -> IOStream:
    wrapped = ssl_wrap_socket(connection, tls, server_side=True, do_handshake_on_connect=False)
    return TlsStream(wrapped, max_buffer_size=MAX_BUFFER)
