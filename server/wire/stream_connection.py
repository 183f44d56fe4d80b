"""A connection on a stream of Tornado, for TLS: the stream has to write all of a message."""

from __future__ import annotations

import asyncio

from tornado.iostream import IOStream, StreamClosedError

from server.flusher import now
from server.framing import Encoding
from server.hub.slow_clients import PROGRESS_BYTES
from server.wire.connection import READ_SIZE, Connection, Owner, State


class Nothing:
    """The sender of a connection whose stream has to write all of a message."""

    __slots__ = ()

    def send(self, _data: bytes) -> int:
        return 0


class StreamConnection(Connection):
    """A connection on Tornado's stream, which has to write all of a message."""

    __slots__ = ("_paused_for", "_stream")

    def __init__(self, stream: IOStream, owner: Owner, encoding: Encoding) -> None:
        self._stream = stream
        self._paused_for = 0.0
        super().__init__(Nothing(), owner, encoding)
        stream.set_close_callback(self.abort)
        self._read()

    def keep_rest(self, data: bytes, sent: int) -> bool:
        """See `Client.keep_rest`."""
        self._write_slices(memoryview(data))
        return True

    @property
    def _is_writing(self) -> bool:
        return self._stream.writing()

    def _write(self, data: bytes) -> None:
        self._write_slices(memoryview(data))

    def _write_slices(self, data: memoryview) -> None:
        """Write, and note the progress with each slice; the stream keeps them by reference."""
        self.progress_at = now()
        for start in range(0, len(data), PROGRESS_BYTES):
            try:
                written = self._stream.write(data[start : start + PROGRESS_BYTES])
            except StreamClosedError:
                return
            written.add_done_callback(self._on_slice_written)

    def _on_slice_written(self, written: asyncio.Future[None]) -> None:
        if written.cancelled() or written.exception() is not None:
            return
        self.progress_at = now()
        if not self._is_writing and self._state is not State.CLOSED:
            self._on_all_written()

    def _read(self) -> None:
        try:
            read = self._stream.read_bytes(READ_SIZE, partial=True)
        except StreamClosedError:
            return
        asyncio.ensure_future(read).add_done_callback(self._on_read)

    def _on_read(self, read: asyncio.Future[bytes]) -> None:
        if read.cancelled() or read.exception() is not None or self._state is State.CLOSED:
            return
        self.receive(read.result())
        if self._paused_for:
            asyncio.get_running_loop().call_later(self._paused_for, self._read)
            self._paused_for = 0.0
        else:
            self._read()

    def _pause_reading(self, seconds: float) -> None:
        self._paused_for = seconds

    def _end_output(self) -> None:
        self.abort()

    def _close_socket(self) -> None:
        self._stream.set_close_callback(None)
        self._stream.close()
