"""A hub's client on a real socket: the socket itself while it takes all, Tornado's buffer if not.

A plain `send` for each client and delta is all that a ready client costs. What a full socket
leaves over is handed to the stream, and the client counts as not ready until the last of it is out.
All of it is handed over at once, so that whatever Tornado writes by itself (the answer to a ping, a
close) comes after it and never between; it is not copied. For TLS everything goes that way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tornado.iostream import IOStream, StreamClosedError

from server.flusher import now
from server.framing import PONG
from server.http.acceptor import PlainStream
from server.hub.listener import Client
from server.hub.slow_clients import MAX_PINGS, PROGRESS_BYTES


def _send_nothing(data: bytes) -> int:
    """The `send` of a TLS connection: the stream has to do it all."""
    return 0


class Connection(Client):
    """Made once the handshake is over.

    `shut` closes the websocket, `on_drained` is called when the connection is ready again.
    """

    __slots__ = ("_is_plain", "_on_drained", "_pings", "_shut", "_stream")

    def __init__(
        self,
        shut: Callable[[int, str], None],
        stream: IOStream,
        *,
        deflates: bool,
        on_drained: Callable[[Connection], None],
    ) -> None:
        self._shut = shut
        self._stream = stream
        self._is_plain = isinstance(stream, PlainStream)
        self._on_drained = on_drained
        self._pings = 0
        super().__init__(stream.socket.send if self._is_plain else _send_nothing, deflates=deflates)

    def keep_rest(self, data: bytes, sent: int) -> bool:
        """See `Client.keep_rest`: of a message that did not even begin, nothing is kept."""
        if sent < 0:
            self._stream.close()  # the handler learns of it, and leaves the hub
            return False
        if sent == 0 and self._is_plain:
            self._drain(memoryview(PONG))
            return False
        self._drain(memoryview(data)[sent:])
        return True

    def look(self, hub_block: Callable[[Client], None]) -> None:
        """Tornado has answered a ping: if not all of it is out, nothing may overtake it."""
        if not self._stream.writing():
            return
        if self.is_ready:
            hub_block(self)
            self._drain(memoryview(b""))
        self._pings += 1
        if self._pings > MAX_PINGS:
            self._stream.close()  # a reason would not be read either

    def close(self, code: int, reason: str) -> None:
        self._shut(code, reason)

    def _drain(self, rest: memoryview) -> None:
        """Hand `rest` to the stream, and be ready again once it is out."""
        self.progress_at = now()
        # The stream may take a slice, call back for it only later, and keep the rest by reference.
        starts = range(0, len(rest), PROGRESS_BYTES)
        slices = [rest[start : start + PROGRESS_BYTES] for start in starts] or [rest]
        try:
            for part in slices[:-1]:
                self._stream.write(part).add_done_callback(self._progressed)
            self._stream.write(slices[-1]).add_done_callback(self._drained)
        except StreamClosedError:
            return

    def _progressed(self, future: asyncio.Future[None]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.progress_at = now()

    def _drained(self, future: asyncio.Future[None]) -> None:
        if future.cancelled() or future.exception() is not None:
            return  # the stream was closed
        if self._stream.writing():
            self._drain(memoryview(b""))  # Tornado has written meanwhile
        else:
            self._pings = 0
            self.progress_at = None
            self._on_drained(self)
