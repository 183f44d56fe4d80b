"""Reads what a client sends on a websocket: bytes in, events out, by RFC 6455. No I/O.

Clients have nothing to send but control frames. The payload of any other frame is passed over.
`server/framing.py` encodes what the server sends.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

MAX_MESSAGE = 1024
"""Bytes of a message from a client above which it is called too large."""
NO_CODE = 1005
"""The code of a close frame that has none."""
PROTOCOL_ERROR, UNSUPPORTED, NO_UTF_8, TOO_LARGE = 1002, 1003, 1007, 1009

_FIN, _DEFLATED, _RESERVED, _MASKED, _CONTROL = 0x80, 0x40, 0x70, 0x80, 0x08
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_OPCODES = {_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG}
_MAX_CONTROL = 125
_MASK_SIZE = 4


class Ping(NamedTuple):
    payload: bytes


class Pong(NamedTuple):
    """A pong, whose payload is of no use."""


class Close(NamedTuple):
    code: int
    """Of the client; NO_CODE if it gave none."""


class Unwanted(NamedTuple):
    """A message: the connection has to be closed with this code, and can be in order."""

    code: int
    reason: str


class Violation(NamedTuple):
    """Bytes that RFC 6455 forbids: nothing that follows can be read."""

    code: int
    reason: str


Event: TypeAlias = Ping | Pong | Close | Unwanted | Violation


class ClientFrames:
    """The frames of one client. After a `Close` or a `Violation` everything is passed over."""

    __slots__ = ("_allowed_bits", "_buffer", "_has_ended", "_in_message", "_skip")

    def __init__(self, *, may_deflate: bool) -> None:
        self._allowed_bits = _DEFLATED if may_deflate else 0
        self._buffer = b""
        """The bytes of a frame that has not come whole."""
        self._skip = 0
        """Bytes of a message's payload that are still to come."""
        self._in_message = False
        """Whether the last message has a continuation."""
        self._has_ended = False

    def feed(self, data: bytes) -> list[Event]:
        """Take received bytes, which may be cut anywhere, and return what they amount to."""
        self._buffer += data
        events: list[Event] = []
        while not self._has_ended:
            self._pass_over()
            event = self._next()
            if event is None:
                return events
            self._has_ended = isinstance(event, Close | Violation)
            events.append(event)
        self._buffer = b""
        return events

    def _pass_over(self) -> None:
        passed = min(self._skip, len(self._buffer))
        self._skip -= passed
        self._buffer = self._buffer[passed:]

    def _next(self) -> Event | None:
        """Take one frame from the buffer, or None if it has not come whole."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        wrong = self._check_head(first, second)
        if wrong is not None:
            return Violation(PROTOCOL_ERROR, wrong)
        size, start = second & 0x7F, 2
        if size > _MAX_CONTROL:
            least, start = (126, 4) if size == 126 else (1 << 16, 10)
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start])
            if size < least or size >= 1 << 63:
                return Violation(PROTOCOL_ERROR, "expected the shortest form of a length")
        opcode = first & 0x0F
        if not opcode & _CONTROL:
            self._buffer, self._skip = buffer[start:], _MASK_SIZE + size
            self._in_message = not first & _FIN
            if size > MAX_MESSAGE:
                return Unwanted(TOO_LARGE, "clients send nothing, and nothing large")
            return Unwanted(UNSUPPORTED, "clients send nothing")
        end = start + _MASK_SIZE + size
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        payload = _unmask(buffer[start + _MASK_SIZE : end], buffer[start : start + _MASK_SIZE])
        if opcode == _PING:
            return Ping(payload)
        return Pong() if opcode == _PONG else _close(payload)

    def _check_head(self, first: int, second: int) -> str | None:
        """Return what is wrong with the first two bytes of a frame."""
        opcode = first & 0x0F
        is_control = bool(opcode & _CONTROL)
        reserved = first & _RESERVED
        if reserved & ~(0 if is_control else self._allowed_bits):
            return "expected reserved bits of 0"
        if opcode not in _OPCODES:
            return f"expected an opcode of RFC 6455, found {opcode}"
        if not second & _MASKED:
            return "expected a masked frame"
        if is_control and not first & _FIN:
            return "expected a control frame in one piece"
        if is_control and second & 0x7F > _MAX_CONTROL:
            return f"expected at most {_MAX_CONTROL} bytes in a control frame"
        if not is_control and (opcode == _CONTINUATION) != self._in_message:
            return "expected a continuation after the first part of a message, and only there"
        return None


def _close(payload: bytes) -> Close | Violation:
    """Read the payload of a close frame: nothing, or a code and a reason in UTF-8."""
    if not payload:
        return Close(NO_CODE)
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not is_close_code(code):
        return Violation(PROTOCOL_ERROR, "expected a close code of RFC 6455")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return Violation(NO_UTF_8, "expected a reason in UTF-8")
    return Close(code)


def is_close_code(code: int) -> bool:
    """Whether a close frame may have this code: 1004 to 1006 and 1015 are never sent."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def _unmask(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    if not size:
        return payload
    repeated = (mask * (size // _MASK_SIZE + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)
