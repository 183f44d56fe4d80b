"""Accepts connections a few at a time, so that a storm of them leaves the loop to others too."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, SSLIOStream
from tornado.netutil import ssl_wrap_socket

log = logging.getLogger("server")

AT_ONCE = 16
"""Connections that are accepted in one turn of the loop: 5 ms or so of handshakes."""
REST = 0.5
"""Seconds to wait after a connection could not be accepted."""
FULL_REST = 0.05
"""Seconds to wait when there are as many connections as may be: most requests take less."""
WARN_EVERY = 60.0
"""Seconds between two lines about connections that are not accepted, however many there are."""
MAX_BUFFER = 1 << 20
"""Bytes that are read ahead from one client."""


class PlainStream(IOStream):
    """A stream without TLS: the connection may write to its socket while the stream does not."""

    def set_nodelay(self, value: bool) -> None:
        """Do nothing: accepted sockets inherit TCP_NODELAY from the listening one."""


class CountingServer(HTTPServer):
    """Counts its `visitors`: the connections that are no websockets, or not yet."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self.visitors = 0

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        self.visitors += 1
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        """Tornado says this of a connection that becomes a websocket, too."""
        self.visitors -= 1
        super().on_close(server_conn)


class Acceptor:
    """Hands accepted connections to an HTTP server, while it has fewer than `limit` visitors."""

    def __init__(
        self,
        http: CountingServer,
        sockets: Sequence[socket.socket],
        tls: ssl.SSLContext | None,
        limit: int,
    ) -> None:
        self._http = http
        self._limit = limit
        self._warned_at = -WARN_EVERY
        self._sockets = sockets
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        for listener in sockets:
            # Accepted sockets inherit it.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._loop.add_reader(listener, self._accept, listener)

    def close(self) -> None:
        for listener in self._sockets:
            self._loop.remove_reader(listener)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            if self._http.visitors >= self._limit:
                self._rest(listener, f"there are {self._limit} without a websocket", FULL_REST)
                return
            try:
                connection, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._rest(listener, str(error), REST)  # out of descriptors, as a rule
                return
            self._http.handle_stream(self._stream(connection), address)

    def _rest(self, listener: socket.socket, reason: str, seconds: float) -> None:
        """Try again soon, and not at once: the socket stays ready meanwhile."""
        if self._loop.time() - self._warned_at >= WARN_EVERY:
            self._warned_at = self._loop.time()
            log.warning("no connection is accepted for now: %s", reason)
        self._loop.remove_reader(listener)
        self._loop.call_later(seconds, self._again, listener)

    def _again(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._accept, listener)

    def _stream(self, connection: socket.socket) -> IOStream:
        if self._tls is None:
            return PlainStream(connection, max_buffer_size=MAX_BUFFER)
        wrapped = ssl_wrap_socket(
            connection, self._tls, server_side=True, do_handshake_on_connect=False
        )
        return SSLIOStream(wrapped, max_buffer_size=MAX_BUFFER)
