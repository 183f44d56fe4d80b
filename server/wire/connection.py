"""A hub's client on a connection, from its handshake on, as a websocket or as an event stream.

    OPEN ── close() ──> CLOSING ── the client's close ──> CLOSED
     │  └── the client's close ──> ANSWERED ── written ──> CLOSED
     └── bytes that RFC 6455 forbids ──> FAILED ── the end of the client's bytes ──> CLOSED

An event stream that is closed is FAILED at once: its client has nothing to answer. A connection
that is lost is CLOSED from every state, and so is one that takes `CLOSE_TIMEOUT` to close.

Its bytes go through a socket (`socket_connection.py`) or Tornado's stream (`stream_connection.py`).
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from enum import Enum
from typing import Protocol

from server.access.rate import Bucket, Rate
from server.flusher import now
from server.framing import PING, Encoding, encode_close, encode_close_event, encode_pong
from server.hub.listener import Client, Sender
from server.hub.slow_clients import MAX_PINGS
from server.wire.client_frames import (
    NO_CODE,
    ClientFrames,
    Close,
    Event,
    Ping,
    Unwanted,
    Violation,
)

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to take what is left and to answer a close."""
ABNORMAL = 1006
"""The code under which a connection is counted that was closed without one."""
CLIENT_CODES = frozenset({1000, 1001, NO_CODE, 4000, 4001})
"""Codes of clients that are counted. Any other, such as the server's own 4008, would be a lie."""
OTHER = 0
"""The code under which a close with another code is counted."""
READ_SIZE = 4096
"""Bytes that are read at once from a client, which has next to nothing to send."""
FRAMES_RATE = Rate(burst=2 * MAX_PINGS, per_second=20)
"""Frames and reads of a client. Above it the client is not read for a while."""


class State(Enum):
    __hash__ = object.__hash__  # members are compared by identity, and Enum's own hash is slow

    OPEN = "open"
    CLOSING = "the server has sent a close"
    ANSWERED = "the client's close is being answered"
    FAILED = "what the client sends is passed over"
    CLOSED = "closed"


class Owner(Protocol):
    """Gets to know what happens to its connections."""

    def on_drained(self, connection: Connection) -> None:
        """The connection can be written to again."""

    def on_blocked(self, connection: Connection) -> None:
        """The socket was filled by others than the hub."""

    def on_closing(self, connection: Connection) -> None:
        """Nothing more is to be sent to the connection."""

    def on_closed(self, connection: Connection, code: int) -> None:
        """The connection is closed; `code` is that of the side that closed first."""


class Connection(Client):
    """The part of a connection that does not depend on how its bytes are written."""

    __slots__ = (
        *("_code", "_frames", "_owner", "_pings", "_rate", "_state", "_timer"),
        *("heard_at", "pinged_at"),
    )

    def __init__(self, sender: Sender, owner: Owner, encoding: Encoding) -> None:
        super().__init__(sender, encoding)
        self.heard_at = now()
        """When the client last sent or took something."""
        self.pinged_at: int | None = None
        """The time of a ping that was sent since then."""
        self._owner = owner
        self._state = State.OPEN
        self._code = ABNORMAL
        self._pings = 0
        """Pings whose answers are queued."""
        self._rate: Bucket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._frames: ClientFrames | None = None
        """Reads the client's frames; made when the first comes, as most clients send nothing."""

    @property
    def _is_websocket(self) -> bool:
        return self.encoding is not Encoding.EVENTS

    # --- the bytes ---------------------------------------------------------------------------

    @abstractmethod
    def _write(self, data: bytes) -> None:
        """Write a few bytes, behind what is kept. `_on_all_written` is called if not at once."""

    @property
    @abstractmethod
    def _is_writing(self) -> bool:
        """Whether something is kept that the socket has not taken."""

    @abstractmethod
    def _end_output(self) -> None:
        """Send the end of the bytes; those of the client are still read."""

    @abstractmethod
    def _pause_reading(self, seconds: float) -> None:
        """Read nothing for a while."""

    @abstractmethod
    def _close_socket(self) -> None:
        """Close the socket; nothing more is called."""

    # --- what the client sends ---------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        self.heard_at = now()
        self.pinged_at = None
        events = self._read_frames(data) if self._is_websocket else []
        pongs = [encode_pong(event.payload) for event in events if isinstance(event, Ping)]
        if pongs and self._state is State.OPEN:
            self._answer_pings(pongs)
        for event in events:
            self._on_event(event)
        self._bound_rate(1 + len(events))

    def _read_frames(self, data: bytes) -> list[Event]:
        if self._frames is None:
            may_deflate = self.encoding is Encoding.DEFLATED_FRAMES
            self._frames = ClientFrames(may_deflate=may_deflate)
        return self._frames.feed(data)

    def _on_event(self, event: Event) -> None:
        if self._state is State.CLOSED:
            return
        match event:
            case Close(code):
                self._on_close(code)
            case Unwanted(code, reason):
                self.close(code, reason)
            case Violation(code, reason):
                self.close(code, reason)
                self._fail()

    def _answer_pings(self, pongs: list[bytes]) -> None:
        self._write_behind(b"".join(pongs))
        if self._is_writing:
            self._pings += len(pongs)
            if self._pings > MAX_PINGS:
                self.abort()  # such a client would not read a close frame either

    def _write_behind(self, data: bytes) -> None:
        """Write, and block the client until it is out: the next `send` would overtake it."""
        self._write(data)
        if self._is_writing and self.is_ready:
            self._owner.on_blocked(self)

    def _on_close(self, code: int) -> None:
        if self._state is State.OPEN:
            self._code = code if code in CLIENT_CODES else OTHER
            self._leave(State.ANSWERED)
            self._write(encode_close(code))
        elif self._state is State.CLOSING:
            self._state = State.ANSWERED
        if self._state is State.ANSWERED and not self._is_writing:
            self.abort()

    def _bound_rate(self, count: int) -> None:
        if self._state is State.CLOSED:
            return
        if self._rate is None:
            self._rate = Bucket(FRAMES_RATE, self.heard_at)
        wait = self._rate.take(self.heard_at, count)
        if wait:
            self._pause_reading(wait)

    # --- the end -----------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Send a close with a code, as an event if this is an event stream."""
        if self._state is not State.OPEN:
            return
        self._code = code
        self._leave(State.CLOSING)
        if self._is_websocket:
            self._write(encode_close(code, reason))
        else:
            self._write(encode_close_event(code, reason))
            self._fail()

    def _leave(self, state: State) -> None:
        """Leave OPEN: the hub writes nothing more."""
        self._state = state
        self._owner.on_closing(self)
        self._timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.abort)

    def _fail(self) -> None:
        """Pass over what the client sends, and wait until it ends."""
        self._state = State.FAILED
        if not self._is_writing:
            self._end_output()

    def abort(self) -> None:
        """Close the socket at once."""
        if self._state is State.CLOSED:
            return
        if self._state is State.OPEN:
            self._owner.on_closing(self)
        self._state = State.CLOSED
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._close_socket()
        self._owner.on_closed(self, self._code)

    def time_out(self, code: int) -> None:
        """Close a connection whose client has gone without a word."""
        self._code = code
        self.abort()

    @property
    def takes_pings(self) -> bool:
        """Whether this is a websocket that can be written to."""
        return self._is_websocket and self.is_ready

    def ping(self) -> None:
        """Ask for a sign of life, if this `takes_pings`."""
        self.pinged_at = now()
        self._write_behind(PING)

    def _on_all_written(self) -> None:
        """Everything that was kept is out."""
        self._pings = 0
        self.progress_at = None
        self.heard_at = now()
        match self._state:
            case State.OPEN:
                self._owner.on_drained(self)
            case State.ANSWERED:
                self.abort()
            case State.FAILED:
                self._end_output()
