"""Reads the head of each connection's first request, and passes the connection on by it.

A websocket is opened here, and a pipeline's posts are served, for a fraction of what Tornado takes.
Everything else goes to Tornado, with the bytes that were read. Silent connections wait here, where
each costs next to nothing and the oldest makes room for a new one: they hide nobody.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

from server.access.address_limits import AddressLimits
from server.access.refusal import Refusal, send_refusal
from server.flusher import now
from server.http.post_connection import Posts
from server.wire.counting import MALFORMED, CountingServer, NoteRefusal
from server.wire.handshake import StreamRequest, parse_stream_request
from server.wire.heads import MAX_HEAD, has_bare_newline, head_size
from server.wire.readers import Readers
from server.wire.socket_connection import receive

HEAD_TIMEOUT = 10.0
"""Seconds for the head of a first request: several round trips of a bad network."""
REQUESTS_PER_ADDRESS = 100
"""Connections of one address, this machine's and proxies' excepted, that are no streams."""
RESERVED = 24
"""Connections above the limit for probes and pipelines, which have to get through when no page
does. They come out of the spare descriptors."""
_POST = b"POST /view/deltas "
_URGENT = re.compile(rb"(?:(?:GET|HEAD) /(?:healthz|readyz|metrics)|POST /view/deltas)[ ?]")

Open = Callable[[socket.socket, str, StreamRequest, bytes, bytes], None]


class Arrival:
    """A connection whose first request has not come whole."""

    __slots__ = ("_arrivals", "address", "came_at", "data", "socket")

    def __init__(
        self, arrivals: Arrivals, connection: socket.socket, address: tuple[Any, ...], data: bytes
    ) -> None:
        self._arrivals = arrivals
        self.socket = connection
        self.address = address
        self.came_at = now()
        self.data = data

    def on_readable(self) -> None:
        data = receive(self.socket, MAX_HEAD)
        if data is not None:
            self.data += data
            self._arrivals.on_received(self, has_ended=not data)


class Arrivals:
    """All connections whose first request has not come whole, oldest first.

    `open_websocket` gets a connection, its peer's address, the request, its key, and the bytes
    behind it. `compresses` allows permessage-deflate.
    """

    def __init__(
        self,
        http: CountingServer,
        open_websocket: Open,
        posts: Posts,
        limits: AddressLimits,
        readers: Readers,
        *,
        compresses: bool,
        max_requests: int,
        note_refusal: NoteRefusal,
        head_timeout: float = HEAD_TIMEOUT,
    ) -> None:
        self._http = http
        self._note_refusal = note_refusal
        self._open_websocket = open_websocket
        self._posts = posts
        self._limits = limits
        self._readers = readers
        self._compresses = compresses
        self._max_requests = max_requests
        self._timeout = round(head_timeout * 1000)
        self._waiting: dict[Arrival, None] = {}

    @property
    def room(self) -> int:
        """How many more connections may be accepted, if only for probes."""
        return self._max_requests + RESERVED - self._requests

    @property
    def _requests(self) -> int:
        return self._http.requests + len(self._posts)

    def add(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        """Take an accepted connection. Its request has often come already."""
        connection.setblocking(False)
        data = receive(connection, MAX_HEAD)
        if data == b"":
            connection.close()
        elif data is not None and ((size := head_size(data)) or _is_no_head(data)):
            self._pass_on(connection, address, data, size)
        else:
            self._make_room()
            arrival = Arrival(self, connection, address, data or b"")
            self._waiting[arrival] = None
            self._readers.add(connection.fileno(), arrival)

    def on_received(self, arrival: Arrival, *, has_ended: bool) -> None:
        """Take what has come of a request."""
        if has_ended:
            self._close(arrival)
        elif (size := head_size(arrival.data)) or _is_no_head(arrival.data):
            self._forget(arrival)
            self._pass_on(arrival.socket, arrival.address, arrival.data, size)

    def on_tick(self, at: int) -> None:
        """Close connections whose request takes too long; about once a second."""
        late = [one for one in self._waiting if at - one.came_at > self._timeout]
        for arrival in late:
            self._close(arrival)

    def close(self) -> None:
        for arrival in list(self._waiting):
            self._close(arrival)

    def _make_room(self) -> None:
        if self._waiting and len(self._waiting) + self._requests >= self._max_requests:
            self._close(next(iter(self._waiting)))

    def _close(self, arrival: Arrival) -> None:
        self._forget(arrival)
        arrival.socket.close()

    def _forget(self, arrival: Arrival) -> None:
        del self._waiting[arrival]
        self._readers.remove(arrival.socket.fileno())

    def _pass_on(
        self, connection: socket.socket, address: tuple[Any, ...], data: bytes, size: int
    ) -> None:
        """Pass on a connection by its first request; `size` is that of its head, 0 if too large."""
        if size and data.startswith(_POST):
            self._posts.add(connection, address, data)
            return
        stream = parse_stream_request(data[:size], compresses=self._compresses) if size else None
        if stream is not None:
            self._open_websocket(connection, address[0], *stream, data[size:])
            return
        is_broken = not size and has_bare_newline(data)
        refusal = MALFORMED if is_broken else self._refuse_request(address[0], data)
        if refusal is None:
            self._http.take(connection, address, data)
        else:
            self._note_refusal(refusal, "a request", address[0])
            send_refusal(connection, refusal)

    def _refuse_request(self, address: str, data: bytes) -> Refusal | None:
        """Refuse a connection that is no stream, if there are too many."""
        if _URGENT.match(data):
            return None
        if self._requests >= self._max_requests:
            return Refusal(503, f"there are {self._max_requests} connections that are no streams")
        is_limited = self._limits.is_limited(address) and not self._limits.is_proxy(address)
        if is_limited and self._http.by_address[address] >= REQUESTS_PER_ADDRESS:
            return Refusal(429, f"there are {REQUESTS_PER_ADDRESS} connections of {address}")
        return None


def _is_no_head(data: bytes) -> bool:
    """Whether this will never be a head that is read here."""
    return len(data) >= MAX_HEAD or has_bare_newline(data)
