"""A hub's client on a real socket: the socket itself while it takes all, Tornado's buffer if not.

A plain `send` for each client and delta is all that a ready client costs. What a full socket
leaves over goes through the stream, slice by slice, and the client counts as not ready until
the last of it is out. For TLS everything goes through the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tornado.iostream import IOStream, StreamClosedError

from server.framing import PONG
from server.hub.client import Client
from server.listening import PlainStream

SLICE = 256 << 10
"""Bytes of a message that Tornado holds for one client at a time."""


def _send_nothing(data: bytes) -> int:
    """The `send` of a TLS connection: the stream has to do it all."""
    return 0


class Connection(Client):
    """Made once the handshake is over.

    `shut` closes the websocket, `on_drained` is called when the connection is ready again.
    """

    __slots__ = ("_is_plain", "_on_drained", "_shut", "_stream", "progress_at")

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
        self.progress_at: float | None = None
        """When it last took something (the loop's time), while it is not ready."""
        super().__init__(stream.socket.send if self._is_plain else _send_nothing, deflates=deflates)

    def hold(self, data: bytes, sent: int) -> bool:
        """See `Client.hold`: of a message that did not even begin, nothing is kept."""
        if sent < 0:
            self._stream.close()  # the handler learns of it, and leaves the hub
            return False
        if sent == 0 and self._is_plain:
            self._drain(memoryview(PONG))
            return False
        self._drain(memoryview(data)[sent:])
        return True

    def look(self, hub_block: Callable[[Client], None]) -> None:
        """Tornado may have written (a pong): if not all of it is out, nothing may overtake it."""
        if self.is_ready and self._stream.writing():
            hub_block(self)
            self._drain(memoryview(b""))

    def close(self, code: int, reason: str) -> None:
        self._shut(code, reason)

    def _drain(self, rest: memoryview) -> None:
        """Write `rest`, then be ready again."""
        self.progress_at = asyncio.get_running_loop().time()
        try:
            written = self._stream.write(rest[:SLICE])
        except StreamClosedError:
            return
        written.add_done_callback(lambda future: self._drained(future, rest[SLICE:]))

    def _drained(self, future: asyncio.Future[None], rest: memoryview) -> None:
        if future.cancelled() or future.exception() is not None:
            return  # the stream was closed
        if rest or self._stream.writing():
            self._drain(rest)
        else:
            self.progress_at = None
            self._on_drained(self)
