"""Decodes the bytes of a client: feed them as they arrive, take whole messages out.

There are two kinds of error. `MalformedMessageError` is about one message whose end is known, or
that is too long: the client gets an error and may go on. After a `BrokenStreamError` the beginning
of the next message is unknown: the connection ends.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Literal

from engine.errors import SqlError
from engine.pgwire import messages
from engine.pgwire.messages import FrontendMessage

MAX_STARTUP_LENGTH = 10_000
MAX_MESSAGE_LENGTH = 4 * 1024 * 1024

_PROTOCOL_VIOLATION = "08P01"
_CANCEL_REQUEST = (1234, 5678)
_SSL_REQUEST = (1234, 5679)
_GSS_REQUEST = (1234, 5680)

_INT32 = struct.Struct("!i")
_HEADER = struct.Struct("!ci")


class MalformedMessageError(SqlError):
    """A message whose contents are not as the protocol has them; the next one may be.

    `in_query` means that it was a simple query, after which the client sends no Sync.
    """

    in_query = False

    def __init__(
        self, message: str, code: str = _PROTOCOL_VIOLATION, hint: str | None = None
    ) -> None:
        super().__init__(message, code, hint=hint)


class BrokenStreamError(SqlError):
    """The bytes are not of this protocol, or more than is allowed: close the connection."""

    def __init__(self, message: str, code: str = _PROTOCOL_VIOLATION) -> None:
        super().__init__(message, code)


class Reader:
    """Cuts a client's bytes into messages; buffers no more than the one that is not yet whole."""

    def __init__(self, max_message_length: int = MAX_MESSAGE_LENGTH) -> None:
        self._buffer = bytearray()
        self._max_message_length = max_message_length
        self._started = False
        self._to_skip = 0
        """Bytes that are left of a message that is too long."""

    @property
    def buffered(self) -> int:
        """The number of bytes that were fed and not yet taken."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_message(self) -> FrontendMessage | None:
        """Take the next message; None when more bytes are needed.

        Raises MalformedMessageError (the message is skipped) and BrokenStreamError (nothing more
        can be read, ever).
        """
        return self._next_typed() if self._started else self._next_startup()

    def _next_startup(self) -> FrontendMessage | None:
        if len(self._buffer) < 4:
            return None
        (length,) = _INT32.unpack_from(self._buffer)
        if not 8 <= length <= MAX_STARTUP_LENGTH:
            raise BrokenStreamError(
                f"expected a startup message of 8 to {MAX_STARTUP_LENGTH} bytes, found {length}"
            )
        if len(self._buffer) < length:
            return None
        fields = Fields(bytes(self._buffer[4:length]))
        del self._buffer[:length]
        try:
            message = _read_startup(fields)
        except MalformedMessageError as error:
            raise BrokenStreamError(error.message, error.code) from error
        self._started = isinstance(message, messages.Startup)
        return message

    def _next_typed(self) -> FrontendMessage | None:
        if self._to_skip:
            skipped = min(self._to_skip, len(self._buffer))
            del self._buffer[:skipped]
            self._to_skip -= skipped
        if len(self._buffer) < 5:
            return None
        kind, length = _HEADER.unpack_from(self._buffer)
        if kind not in _READERS:
            raise BrokenStreamError(f"expected a message of the protocol, found type {kind!r}")
        if length < 4:
            raise BrokenStreamError(f"expected a message of 4 bytes or more, found {length}")
        if length > self._max_message_length:
            self._to_skip = 1 + length
            raise self._too_long(kind, length)
        if len(self._buffer) < 1 + length:
            return None
        fields = Fields(bytes(self._buffer[5 : 1 + length]))
        del self._buffer[: 1 + length]
        try:
            message = _READERS[kind](fields)
            fields.expect_end()
        except MalformedMessageError as error:
            error.in_query = kind == b"Q"
            raise
        return message

    def _too_long(self, kind: bytes, length: int) -> MalformedMessageError:
        error = MalformedMessageError(
            f"a message of {length} bytes is longer than the limit of {self._max_message_length}",
            "54000",
            hint="raise --max-message-bytes, or use COPY .. FROM STDIN",
        )
        error.in_query = kind == b"Q"
        return error


class Fields:
    """The contents of one message, read from left to right; raises MalformedMessageError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        end = self._at + length
        if length < 0 or end > len(self._data):
            raise MalformedMessageError(
                f"expected {length} bytes in the message, found {len(self._data) - self._at}"
            )
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def int16(self) -> int:
        return int.from_bytes(self.take(2), "big", signed=True)

    def count(self) -> int:
        """A number of items, which is two bytes without a sign."""
        return int.from_bytes(self.take(2), "big")

    def int32(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def string(self) -> str:
        """UTF-8 up to a NUL."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise MalformedMessageError("expected a string that ends with a zero byte")
        text = self.take(end - self._at)
        self._at = end + 1
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise MalformedMessageError(
                f'invalid byte sequence for encoding "UTF8": {text[error.start : error.end]!r}',
                "22021",
            ) from error

    def value(self) -> bytes | None:
        """A length and as many bytes; the length -1 is NULL."""
        length = self.int32()
        return None if length == -1 else self.take(length)

    def expect_end(self) -> None:
        if self._at != len(self._data):
            raise MalformedMessageError(
                f"expected the end of the message, found {len(self._data) - self._at} more bytes"
            )


def _read_startup(fields: Fields) -> FrontendMessage:
    major, minor = fields.int16(), fields.int16()
    if (major, minor) == _CANCEL_REQUEST:
        # A key may be longer from protocol 3.2 on; ours never is, so a longer one is not ours.
        message = messages.CancelRequest(fields.int32(), fields.int32())
        fields.rest()
        return message
    if (major, minor) == _SSL_REQUEST:
        fields.expect_end()
        return messages.SslRequest()
    if (major, minor) == _GSS_REQUEST:
        fields.expect_end()
        return messages.GssEncryptionRequest()
    if major != 3:
        raise MalformedMessageError(f"expected protocol 3, found {major}.{minor}", "0A000")
    parameters = {}
    while name := fields.string():
        parameters[name] = fields.string()
    fields.expect_end()
    return messages.Startup(minor, parameters)


def _read_parse(fields: Fields) -> messages.Parse:
    name, sql = fields.string(), fields.string()
    return messages.Parse(name, sql, tuple(fields.int32() for _ in range(fields.count())))


def _read_bind(fields: Fields) -> messages.Bind:
    portal, statement = fields.string(), fields.string()
    parameter_formats = _read_formats(fields)
    parameters = tuple(fields.value() for _ in range(fields.count()))
    return messages.Bind(portal, statement, parameter_formats, parameters, _read_formats(fields))


def _read_formats(fields: Fields) -> tuple[int, ...]:
    formats = tuple(fields.int16() for _ in range(fields.count()))
    for format_code in formats:
        if format_code not in (messages.TEXT, messages.BINARY):
            raise MalformedMessageError(f"expected format 0 or 1, found {format_code}")
    return formats


def _read_target(fields: Fields) -> tuple[Literal["statement", "portal"], str]:
    kind = fields.take(1)
    if kind not in (b"S", b"P"):
        raise MalformedMessageError(f"expected a statement (S) or a portal (P), found {kind!r}")
    return ("statement" if kind == b"S" else "portal"), fields.string()


def _read_unexpected(name: str) -> Callable[[Fields], FrontendMessage]:
    def read(fields: Fields) -> FrontendMessage:
        fields.rest()
        return messages.Unexpected(name)

    return read


_READERS: dict[bytes, Callable[[Fields], FrontendMessage]] = {
    b"Q": lambda fields: messages.Query(fields.string()),
    b"P": _read_parse,
    b"B": _read_bind,
    b"D": lambda fields: messages.Describe(*_read_target(fields)),
    b"E": lambda fields: messages.Execute(fields.string(), max(fields.int32(), 0)),
    b"C": lambda fields: messages.Close(*_read_target(fields)),
    b"H": lambda fields: messages.Flush(),
    b"S": lambda fields: messages.Sync(),
    b"X": lambda fields: messages.Terminate(),
    b"d": lambda fields: messages.CopyData(fields.rest()),
    b"c": lambda fields: messages.CopyDone(),
    b"f": lambda fields: messages.CopyFail(fields.string()),
    b"F": _read_unexpected("a function call"),
    b"p": _read_unexpected("a password"),
}
