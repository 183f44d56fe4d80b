"""A hub's client on a real socket: writes to the socket itself, and to Tornado's buffer if full.

A plain `send` per client and delta is the whole cost of a ready client. When the socket takes only
a part of a message, the stream gets the rest without copying it, and the client is blocked until
the last of it is out. Everything that Tornado writes by itself (the answer to a ping, a close)
is then queued behind it and never in between. With TLS every write goes through the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tornado.iostream import IOStream, StreamClosedError

from server.flusher import now
from server.framing import Encoding
from server.http.acceptor import PlainStream
from server.hub.listener import Client
from server.hub.slow_clients import MAX_PINGS, PROGRESS_BYTES


def _send_nothing(data: bytes) -> int:
    """The `send` of a TLS connection: the stream has to write all of it."""
    return 0


class Connection(Client):
    """One websocket or event stream, created after the handshake.

    `disconnect` closes it; `on_drained` is called when the connection is ready again.
    """

    __slots__ = ("_disconnect", "_is_plain", "_on_drained", "_pings", "_stream")

    def __init__(
        self,
        disconnect: Callable[[int, str], None],
        stream: IOStream,
        *,
        encoding: Encoding,
        on_drained: Callable[[Connection], None],
    ) -> None:
        self._disconnect = disconnect
        self._stream = stream
        self._is_plain = isinstance(stream, PlainStream)
        self._on_drained = on_drained
        self._pings = 0
        super().__init__(stream.socket.send if self._is_plain else _send_nothing, encoding)

    def keep_rest(self, data: bytes, sent: int) -> bool:
        """See `Client.keep_rest`. A message of which nothing was sent is not kept."""
        if sent < 0:
            self._stream.close()  # the handler's on_close leaves the hub
            return False
        if sent == 0 and self._is_plain:
            self._write(memoryview(self.encoding.probe))
            return False
        self._write(memoryview(data)[sent:])
        return True

    def on_pong_written(self, block: Callable[[Client], None]) -> None:
        """Block the client if Tornado's answer to its ping is not out yet.

        Otherwise the next `send` would overtake that answer.
        """
        if not self._stream.writing():
            return
        if self.is_ready:
            block(self)
            self._write(memoryview(b""))
        self._pings += 1
        if self._pings > MAX_PINGS:
            self._stream.close()  # such a client would not read a close frame either

    def close(self, code: int, reason: str) -> None:
        self._disconnect(code, reason)

    def _write(self, rest: memoryview) -> None:
        """Write `rest` through the stream; the connection is ready again once it is out."""
        self.progress_at = now()
        # The stream may send a slice at once, call back later, and keep the rest by reference.
        starts = range(0, len(rest), PROGRESS_BYTES)
        slices = [rest[start : start + PROGRESS_BYTES] for start in starts] or [rest]
        try:
            for part in slices[:-1]:
                self._stream.write(part).add_done_callback(self._on_slice_written)
            self._stream.write(slices[-1]).add_done_callback(self._on_all_written)
        except StreamClosedError:
            return

    def _on_slice_written(self, future: asyncio.Future[None]) -> None:
        if not _has_failed(future):
            self.progress_at = now()

    def _on_all_written(self, future: asyncio.Future[None]) -> None:
        if _has_failed(future):
            return
        if self._stream.writing():
            self._write(memoryview(b""))  # Tornado has written something after it
        else:
            self._pings = 0
            self.progress_at = None
            self._on_drained(self)


def _has_failed(write: asyncio.Future[None]) -> bool:
    """Whether the stream was closed before the write ended."""
    return write.cancelled() or write.exception() is not None
