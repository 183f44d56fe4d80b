"""Tornado's HTTP server, which counts its connections, and its streams."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import Any, Protocol, cast

from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, SSLIOStream

from server.http.refusal import encode_answer

MAX_BUFFER = 1 << 20
"""Bytes that are read ahead from one client."""
_BARE = b"HTTP/1.1 400 Bad Request\r\n\r\n"
"""Tornado's answer to a request that is none."""
_MALFORMED = encode_answer(
    400, {"error": "expected a request of HTTP/1.1"}, {"Connection": "close"}
)


class _ExplainingStream(IOStream):
    """Answers in JSON where Tornado refuses a malformed request without a body."""

    def write(self, data: bytes | memoryview) -> asyncio.Future[None]:
        return super().write(_MALFORMED if data == _BARE else data)


class TlsStream(_ExplainingStream, SSLIOStream):
    """A stream with TLS."""


class PlainStream(_ExplainingStream):
    """A stream without TLS, of whose bytes the first have been read already."""

    def __init__(self, connection: socket.socket, first: bytes = b"", **options: Any) -> None:
        self._first = first
        super().__init__(connection, **options)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        if not self._first:
            return super().read_from_fd(buf)
        size = min(len(buf), len(self._first))
        buf[:size] = self._first[:size]
        self._first = self._first[size:]
        return size

    def take_socket(self) -> socket.socket:
        """Close the stream, and return its connection, which stays open."""
        connection = self.socket.dup()
        self.close()
        return connection


class CountingServer(HTTPServer):
    """An HTTP server that counts its connections that are no streams, or not yet."""

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self.requests = 0
        self.by_address: Counter[str] = Counter()
        self._silent: dict[IOStream, None] = {}
        """Connections that have not asked for anything, oldest first."""

    def take(self, connection: socket.socket, address: tuple[Any, ...], data: bytes) -> None:
        """Serve a plain connection, from which `data` has been read."""
        self.handle_stream(PlainStream(connection, data, max_buffer_size=MAX_BUFFER), address)

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        self.requests += 1
        self.by_address[address[0]] += 1
        self._silent[stream] = None
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        """Tornado calls this also for a connection that becomes a stream."""
        assert isinstance(server_conn, HTTP1ServerConnection)
        self.requests -= 1
        address = cast("_Context", server_conn.context).address[0]
        self.by_address[address] -= 1
        if not self.by_address[address]:
            del self.by_address[address]
        self._silent.pop(server_conn.stream, None)
        super().on_close(server_conn)

    def on_request(self, stream: IOStream) -> None:
        """Note that a connection has asked for something."""
        self._silent.pop(stream, None)

    def close_oldest_silent(self) -> bool:
        """Close the connection that has been silent for longest; return False if there is none."""
        stream = next(iter(self._silent), None)
        if stream is None:
            return False
        del self._silent[stream]
        stream.close()
        return True


class _Context(Protocol):
    address: tuple[Any, ...]
