"""Frames messages for websockets (RFC 6455): encoded, framed and deflated once for all clients.

A server's frames are not masked, so every client can be sent the same bytes. The same holds for a
deflated frame (RFC 7692) if it was made with a fresh window and the connection's own compressor is
never used: `server.http.negotiate` agrees on that in the handshake.
"""

from __future__ import annotations

import struct
import zlib

MAX_DEFLATED_AT_ONCE = 1 << 20
"""Bytes that are deflated in the event loop; more would block it for too long."""

_TEXT = 0x81
_TEXT_DEFLATED = 0xC1
_LEVEL = 3
"""Of zlib: 10,000 rows come out at about the size of level 6, in half the time."""
_EMPTY_END = b"\x00\x00\xff\xff"

PONG = b"\x8a\x00"
"""An unsolicited pong (RFC 6455, 5.5.3): bytes without meaning, to learn when a socket drains."""


def frame(payload: bytes, first: int = _TEXT) -> bytes:
    """One unfragmented frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def deflate(payload: bytes | memoryview) -> bytes:
    """The payload of a compressed message, made with a fresh window of 32 KiB."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return deflated.removesuffix(_EMPTY_END)


class Message:
    """A message as bytes to send: framed when it is made, deflated when the first client needs it.

    Below `threshold` bytes it is never deflated; a threshold of None switches deflating off.
    """

    __slots__ = ("_deflated", "_start", "_threshold", "plain")

    def __init__(self, payload: bytes, threshold: int | None = None) -> None:
        self.plain = frame(payload)
        self._start = len(self.plain) - len(payload)
        self._threshold = threshold
        self._deflated: bytes | None = None

    @property
    def payload(self) -> memoryview:
        return memoryview(self.plain)[self._start :]

    @property
    def size(self) -> int:
        """Bytes of the payload, not compressed."""
        return len(self.plain) - self._start

    @property
    def is_compressible(self) -> bool:
        return self._threshold is not None and self.size >= self._threshold

    @property
    def needs_worker_thread(self) -> bool:
        """Whether it is too large to be deflated in the event loop, and is not deflated yet."""
        return self.is_compressible and self._deflated is None and self.size > MAX_DEFLATED_AT_ONCE

    def compress(self) -> None:
        """Deflate it now, whatever its size; zlib releases the GIL."""
        if self.is_compressible and self._deflated is None:
            deflated = frame(deflate(self.payload), _TEXT_DEFLATED)
            self._deflated = min(deflated, self.plain, key=len)

    def for_client(self, *, deflates: bool) -> bytes:
        """Return the bytes for a client that does, or does not, accept deflated messages."""
        if not deflates:
            return self.plain
        if self._deflated is None and self.size <= MAX_DEFLATED_AT_ONCE:
            self.compress()
        return self._deflated or self.plain
