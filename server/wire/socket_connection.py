"""A connection on a plain socket, which is written to directly.

One `send` per client and delta is the whole cost of a ready client. Of a message that the socket
takes only a part of, the rest is kept without copying it, and control frames are queued behind it.
"""

from __future__ import annotations

import socket

from server.flusher import now
from server.framing import Encoding
from server.hub.slow_clients import PROGRESS_BYTES
from server.wire.connection import READ_SIZE, Connection, Owner, State
from server.wire.readers import Readers

MAX_COPIED = 16 << 10
"""Bytes that are copied behind the answer of a handshake. More is sent from two places."""


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

    __slots__ = ("_answer", "_queue", "_readers", "_rest", "_socket", "_taken")

    def __init__(
        self,
        connection: socket.socket,
        owner: Owner,
        readers: Readers,
        encoding: Encoding,
        answer: bytes = b"",
    ) -> None:
        """Take a connection; `answer`, that of the handshake, is sent with the first message."""
        self._socket = connection
        self._readers = readers
        self._answer = answer
        self._rest: memoryview | None = None
        """The rest of a message of which the socket took a part."""
        self._queue = b""
        """Control frames behind it."""
        self._taken = 0
        """Bytes that the socket took since the client last made progress."""
        super().__init__(self if answer else connection, owner, encoding)
        readers.add(connection.fileno(), self)

    def send(self, data: bytes) -> int:
        """Send the answer of the handshake and `data` by one call; the next sender is the socket.

        See `Sender`.
        """
        self.sender = self._socket
        answer, self._answer = self._answer, b""
        try:
            if len(data) <= MAX_COPIED:
                sent = self._socket.send(answer + data)
            else:
                sent = self._socket.sendmsg((answer, data))
        except BlockingIOError:
            sent = 0
        if sent < len(answer):  # nothing else fills a new connection
            raise ConnectionAbortedError
        return sent - len(answer)

    def send_answer(self) -> None:
        """Send the answer of the handshake by itself, if no message was sent with it."""
        if self._answer:
            try:
                self.send(b"")
            except OSError:
                self.abort()

    def keep_rest(self, data: bytes, sent: int) -> bool:
        """See `Client.keep_rest`. A message of which nothing was sent is not kept."""
        if sent < 0:
            self._readers.loop.call_soon(self.abort)  # not within the hub, which is at work
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
            self._readers.loop.add_writer(self._socket, self._on_writable)

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

    def _try_send(self, data: bytes) -> int:
        """Send what the socket takes; a lost connection shows when it is read."""
        try:
            return self.sender.send(data)
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
            self._readers.loop.remove_writer(self._socket)
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

    def on_readable(self) -> None:
        data = receive(self._socket, READ_SIZE)
        if data:
            self.receive(data)
        elif data is not None:
            self.abort()

    def _pause_reading(self, seconds: float) -> None:
        self._readers.remove(self._socket.fileno())
        self._readers.loop.call_later(seconds, self._resume_reading)

    def _resume_reading(self) -> None:
        if self._state is not State.CLOSED:
            self._readers.add(self._socket.fileno(), self)

    def _end_output(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()

    def _close_socket(self) -> None:
        self._readers.remove(self._socket.fileno())
        if self._is_writing:
            self._readers.loop.remove_writer(self._socket)
        self._rest = None
        self._socket.close()
