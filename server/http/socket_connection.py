"""A connection on a plain socket, which is written to directly.

One `send` per client and delta is the whole cost of a ready client. Of a message that the socket
takes only a part of, the rest is kept without copying it, and control frames are queued behind it.
"""

from __future__ import annotations

import asyncio
import socket

from server.flusher import now
from server.framing import Encoding
from server.http.connection import READ_SIZE, Connection, Owner, State
from server.hub.slow_clients import PROGRESS_BYTES


def receive(connection: socket.socket, size: int) -> bytes | None:
    """Read up to `size` bytes: None if none have come, b"" if the connection is gone."""
    try:
        return connection.recv(size)
    except BlockingIOError:
        return None
    except OSError:
        return b""


class SocketConnection(Connection):
    """A connection on a plain socket, without TLS."""

    __slots__ = ("_loop", "_queue", "_rest", "_socket", "_taken")

    def __init__(self, connection: socket.socket, owner: Owner, encoding: Encoding) -> None:
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._rest: memoryview | None = None
        """The rest of a message of which the socket took a part."""
        self._queue = b""
        """Control frames behind it."""
        self._taken = 0
        """Bytes that the socket took since the client last made progress."""
        super().__init__(connection.send, owner, encoding)
        self._loop.add_reader(connection, self._on_readable)

    def keep_rest(self, data: bytes, sent: int) -> bool:
        """See `Client.keep_rest`. A message of which nothing was sent is not kept."""
        if sent < 0:
            self._loop.call_soon(self.abort)  # not within the hub, which is at work
            return False
        self._watch_writable()
        if sent == 0:
            return False
        self._rest = memoryview(data)[sent:]
        return True

    def _watch_writable(self) -> None:
        if self.progress_at is None:
            self.progress_at = now()
            self._taken = 0
            self._loop.add_writer(self._socket, self._on_writable)

    @property
    def _is_writing(self) -> bool:
        return self.progress_at is not None

    def _write(self, data: bytes) -> None:
        sent = 0
        if not self._is_writing:
            sent = self._try_send(data)
            if sent == len(data):
                return
        self._queue += data[sent:]
        self._watch_writable()

    def _try_send(self, data: bytes | memoryview) -> int:
        """Send what the socket takes; a lost connection shows when it is read."""
        try:
            return self._socket.send(data)
        except OSError:
            return 0

    def _on_writable(self) -> None:
        try:
            self._send_kept()
        except BlockingIOError:
            return
        except OSError:
            self.abort()
            return
        if self._rest is None and not self._queue:
            self._loop.remove_writer(self._socket)
            self._on_all_written()

    def _send_kept(self) -> None:
        if self._rest is not None:
            sent = self._socket.send(self._rest)
            self._taken += sent
            self._rest = self._rest[sent:] if sent < len(self._rest) else None
        if self._rest is None and self._queue:
            self._queue = self._queue[self._socket.send(self._queue) :]
        if self._taken >= PROGRESS_BYTES:
            self._taken = 0
            self.progress_at = now()

    def _on_readable(self) -> None:
        data = receive(self._socket, READ_SIZE)
        if data:
            self.receive(data)
        elif data is not None:
            self.abort()

    def _pause_reading(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
        self._loop.call_later(seconds, self._resume_reading)

    def _resume_reading(self) -> None:
        if self._state is not State.CLOSED:
            self._loop.add_reader(self._socket, self._on_readable)

    def _end_output(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()

    def _close_socket(self) -> None:
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._rest = None
        self._socket.close()
