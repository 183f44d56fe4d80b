"""Encodes messages as websocket frames or server-sent events, once for all clients.

A server's frames (RFC 6455) are not masked, so every client can be sent the same bytes. The same
holds for a deflated frame (RFC 7692) if it was made with a fresh window and the connection's own
compressor is never used: `server.wire.negotiate` agrees on that in the handshake. An event carries
an id, the positions of all views of its client: clients at the same positions share its bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Self
from urllib.parse import quote, unquote

import msgspec

from viewstream.protocol import Position, ProtocolError, parse_position

MAX_DEFLATED_AT_ONCE = 1 << 20
"""Bytes that are deflated in the event loop; more would block it for too long."""

_TEXT = 0x81
_TEXT_DEFLATED = 0xC1
_CLOSE = 0x88
_PONG = 0x8A
_LEVEL = 3
"""Of zlib: 10,000 rows come out at about the size of level 6, in half the time."""
_EMPTY_END = b"\x00\x00\xff\xff"

PONG = b"\x8a\x00"
"""An unsolicited pong (RFC 6455, 5.5.3): bytes without meaning, to learn when a socket drains."""
COMMENT = b":\n"
"""An event stream's comment: as little as a pong."""
PING = b"\x89\x00"
MAX_JOINED = 128 << 10
"""Bytes of several messages that are copied to be sent at once. More is sent one by one."""
EVENT_IDS = 4
"""Ids with which a message is kept as an event: most clients that are sent it are at few places."""
_TYPE_START = b'{"type":"'


class Encoding(Enum):
    """How a client takes messages."""

    __hash__ = object.__hash__  # members are compared by identity, and Enum's own hash is slow

    FRAMES = "websocket frames"
    DEFLATED_FRAMES = "websocket frames, deflated where that is worth it"
    EVENTS = "server-sent events"

    @property
    def probe(self) -> bytes:
        """Bytes without meaning, to learn when a socket drains."""
        return COMMENT if self is Encoding.EVENTS else PONG


def frame(payload: bytes, first: int = _TEXT) -> bytes:
    """One unfragmented frame, as a server sends it."""
    return _frame_header(len(payload), first) + payload


def _frame_header(size: int, first: int) -> bytes:
    if size < 126:
        return struct.pack("!BB", first, size)
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)


def join_small(parts: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Join messages that are small; return what to send at a time, and how many messages it is."""
    if len(parts) > 1 and sum(map(len, parts)) > MAX_JOINED:
        return [(1, parts[0]), *join_small(parts[1:])]
    return [(len(parts), parts[0] if len(parts) == 1 else _join(*parts))]


@lru_cache(16)
def _join(*parts: bytes) -> bytes:
    """Join messages once for all clients. The hash of bytes is computed once, so this is quick."""
    return b"".join(parts)


def encode_close(code: int, reason: str = "") -> bytes:
    """A close frame; without a code if there was none (1005, which is never sent)."""
    return frame(b"" if code == 1005 else struct.pack("!H", code) + reason.encode(), _CLOSE)


def encode_pong(payload: bytes) -> bytes:
    """The answer to a ping."""
    return frame(payload, _PONG)


def deflate(payload: bytes | memoryview) -> bytes:
    """The payload of a compressed message, made with a fresh window of 32 KiB."""
    return b"".join(_deflate(payload))


def _deflate(payload: bytes | memoryview) -> tuple[bytes, bytes]:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = compressor.compress(payload)
    return deflated, compressor.flush(zlib.Z_SYNC_FLUSH).removesuffix(_EMPTY_END)


def _join_frame(parts: Sequence[bytes], first: int = _TEXT) -> bytes:
    """A large frame of the parts of its payload, with one copy, which releases the GIL."""
    return b"".join((_frame_header(sum(map(len, parts)), first), *parts))


class Message:
    """A message as bytes to send: framed when it is made, deflated when the first client needs it.

    Below `threshold` bytes it is never deflated; a threshold of None switches deflating off.
    """

    __slots__ = ("_deflated", "_events", "_start", "_threshold", "plain")

    def __init__(self, payload: bytes, threshold: int | None = None) -> None:
        self.plain = frame(payload)
        self._start = len(self.plain) - len(payload)
        self._threshold = threshold
        self._deflated: bytes | None = None
        self._events: dict[bytes, bytes] = {}

    @classmethod
    def join(cls, parts: Sequence[bytes], threshold: int | None = None) -> Self:
        """Make a large message of the parts of its payload."""
        self = cls(b"", threshold)
        self.plain = _join_frame(parts)
        self._start = len(self.plain) - sum(map(len, parts))
        return self

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
        """Deflate it now, whatever its size, if that is worth it; zlib releases the GIL."""
        if self._deflated is not None:
            return
        if self.is_compressible:
            deflated = _join_frame(_deflate(self.payload), _TEXT_DEFLATED)
            self._deflated = min(deflated, self.plain, key=len)
        else:
            self._deflated = self.plain

    def drop_encodings(self) -> None:
        """Free the bytes of every other encoding: they would be several times its size."""
        self._deflated = None
        self._events.clear()

    def encoded(self, encoding: Encoding, event_id: bytes = b"") -> bytes:
        """Return the bytes for clients of that encoding; an event has an id."""
        if encoding is Encoding.EVENTS:
            return self._as_event(event_id)
        if encoding is Encoding.FRAMES:
            return self.plain
        if self._deflated is None and self.size <= MAX_DEFLATED_AT_ONCE:
            self.compress()
        return self._deflated or self.plain

    def _as_event(self, event_id: bytes) -> bytes:
        event = self._events.get(event_id)
        if event is None:
            if len(self._events) >= EVENT_IDS:
                del self._events[next(iter(self._events))]
            event = self._events[event_id] = encode_event(self.payload, event_id)
        return event


def encode_event(payload: bytes | memoryview, event_id: bytes) -> bytes:
    """Encode one message, JSON in one line, as an event of its type."""
    start = bytes(payload[: len(_TYPE_START) + 16])
    assert start.startswith(_TYPE_START), start
    kind, _, _ = start.removeprefix(_TYPE_START).partition(b'"')
    return b"".join((b"event: ", kind, b"\nid: ", event_id, b"\ndata: ", payload, b"\n\n"))


def encode_close_event(code: int, reason: str) -> bytes:
    """Encode the last event: why the server closes, and when `EventSource` should reconnect."""
    delay = reason.removeprefix("retry=") if reason.startswith("retry=") else None
    retry = b"" if delay is None else b"retry: %d\n" % round(1000 * float(delay))
    data = msgspec.json.encode({"code": code, "reason": reason})
    return b"event: close\n" + retry + b"data: " + data + b"\n\n"


def encode_event_id(positions: Iterable[tuple[str, Position]]) -> bytes:
    """Encode the positions of a client's views: NAME@EPOCH:FRONTIER, separated by blanks."""
    parts = [f"{quote(name, safe='')}@{position}" for name, position in sorted(positions)]
    return " ".join(parts).encode()


def parse_event_id(text: str) -> dict[str, Position]:
    """Parse what `encode_event_id` encodes; raises ProtocolError."""
    positions = {}
    for part in text.split():
        name, at, position = part.rpartition("@")
        if not at:
            raise ProtocolError(f"expected NAME@EPOCH:FRONTIER in Last-Event-ID, found {part!r}")
        positions[unquote(name)] = parse_position(position)
    return positions
