"""Tornado's HTTP server, which counts its connections, and its streams."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, TypeAlias, cast

from tornado.http1connection import HTTP1ServerConnection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPInputError
from tornado.iostream import IOStream, SSLIOStream, UnsatisfiableReadError

from server.access.refusal import Refusal, encode_refusal
from server.wire.heads import has_bare_newline

MAX_BUFFER = 1 << 20
"""Bytes that are read ahead from one client."""
_BARE = b"HTTP/1.1 400 Bad Request\r\n\r\n"
"""Tornado's answer to a request that is none."""
MALFORMED = Refusal(400, "expected a request of HTTP/1.1")
_TOO_LARGE = Refusal(431, "expected a head of at most 64 KiB, and lines of a usual length")
_DRAINED = 1 << 20
"""Bytes of a refused request that are read before its connection is closed: a connection that is
closed with bytes to read is reset, and the client may lose the answer."""

NoteRefusal: TypeAlias = Callable[[Refusal, str, str], None]
"""Counts and logs a refusal: see `Context.note_refusal`."""
_Error: TypeAlias = (
    bool
    | BaseException
    | tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
    | None
)


class _ExplainingStream(IOStream):
    """Answers in JSON where Tornado refuses a malformed request without a body, or in silence.

    Refuses heads whose lines do not end with CRLF, which Tornado takes: a proxy in front may see
    other headers in them.
    """

    on_refused: Callable[[Refusal], None] = staticmethod(lambda refusal: None)

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """Read a head: Tornado reads nothing else by a pattern."""
        head = await super().read_until_regex(regex, max_bytes)
        if has_bare_newline(head):
            raise HTTPInputError("a line of the head does not end with CRLF")
        return head

    def write(self, data: bytes | memoryview) -> asyncio.Future[None]:
        if data != _BARE:
            return super().write(data)
        self.on_refused(MALFORMED)
        return super().write(encode_refusal(MALFORMED))

    def close(self, exc_info: _Error = False) -> None:
        is_refused = isinstance(exc_info, UnsatisfiableReadError)
        if is_refused and not self.closed() and not self.writing():
            self.on_refused(_TOO_LARGE)
            with contextlib.suppress(OSError):  # of a client that has gone
                self.write_to_fd(memoryview(encode_refusal(_TOO_LARGE)))
                self._drain()
        super().close(exc_info)

    def _drain(self) -> None:
        buffer, read = bytearray(64 << 10), 0
        while read < _DRAINED and (size := self.read_from_fd(buffer)):
            read += size


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

    def initialize(  # type: ignore[override]  # a server of ours has to be given more
        self, *args: Any, note_refusal: NoteRefusal, **kwargs: Any
    ) -> None:
        super().initialize(*args, **kwargs)
        self._note_refusal = note_refusal
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
        if isinstance(stream, _ExplainingStream):
            stream.on_refused = lambda refusal: self._note_refusal(refusal, "a request", address[0])
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
