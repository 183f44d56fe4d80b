"""Reads what a server sends on a websocket, strictly: no frame that RFC 6455 does not allow it."""

from __future__ import annotations

import struct
import zlib

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class FrameReader:
    """Bytes in, messages out. `frames` keeps (opcode, compressed) of all that came."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.frames: list[tuple[int, bool]] = []
        self.closed_with: tuple[int, str] | None = None

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def messages(self) -> list[bytes]:
        """The texts of the frames that have come whole."""
        texts = []
        while (frame := self._next()) is not None:
            opcode, text = frame
            if opcode == TEXT:
                texts.append(text)
        return texts

    def _next(self) -> tuple[int, bytes] | None:
        if len(self._buffer) < 2:
            return None
        first, size = self._buffer[0], self._buffer[1]
        opcode, compressed = first & 0x0F, bool(first & 0x40)
        assert first & 0x80, "a server never fragments"
        assert not first & 0x30, "a reserved bit is set"
        assert size < 128, "a server must not mask"
        assert opcode in (TEXT, CLOSE, PING, PONG), f"opcode {opcode}"
        start = 2
        if size == 126:
            start = 4
            if len(self._buffer) < start:
                return None
            (size,) = struct.unpack_from("!H", self._buffer, 2)
            assert size >= 126, "not the shortest length"
        elif size == 127:
            start = 10
            if len(self._buffer) < start:
                return None
            (size,) = struct.unpack_from("!Q", self._buffer, 2)
            assert size >= 1 << 16, "not the shortest length"
        if len(self._buffer) < start + size:
            return None
        payload = bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        assert self.closed_with is None, "a frame after the close"
        self.frames.append((opcode, compressed))
        if opcode != TEXT:
            assert size <= 125
            assert not compressed, "control frames are never compressed"
            if opcode == CLOSE and size:
                self.closed_with = (struct.unpack("!H", payload[:2])[0], payload[2:].decode())
        elif compressed:
            payload = inflate(payload)
        return opcode, payload


def inflate(payload: bytes) -> bytes:
    """Undo permessage-deflate with a fresh window, as `no_context_takeover` has it."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + b"\x00\x00\xff\xff")
