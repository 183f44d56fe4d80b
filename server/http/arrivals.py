"""Reads the head of each connection's first request, and passes the connection on by it.

A websocket is opened here, and a pipeline's posts are served, for a fraction of what Tornado takes.
Everything else goes to Tornado, with the bytes that were read. Silent connections wait here, where
each costs next to nothing and the oldest makes room for a new one: they hide nobody.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Any

from server.flusher import now
from server.http.address_limits import AddressLimits
from server.http.counting import CountingServer
from server.http.handshake import StreamRequest, parse_stream_request
from server.http.heads import MAX_HEAD, head_size
from server.http.post_connection import Posts
from server.http.refusal import Refusal, send_refusal
from server.http.socket_connection import receive

HEAD_TIMEOUT = 10.0
"""Seconds for the head of a first request: several round trips of a bad network."""
REQUESTS_PER_ADDRESS = 100
"""Connections of one address, this machine's and proxies' excepted, that are no streams."""
RESERVED = 24
"""Connections above the limit for probes and pipelines, which have to get through when no page
does. They come out of the spare descriptors."""
_POST = b"POST /view/deltas "
_URGENT = re.compile(rb"(?:(?:GET|HEAD) /(?:healthz|readyz|metrics)|POST /view/deltas)[ ?]")

Open = Callable[[socket.socket, str, StreamRequest, bytes], None]


class Arrival:
    """A connection whose first request has not come whole."""

    __slots__ = ("address", "came_at", "data", "socket")

    def __init__(self, connection: socket.socket, address: tuple[Any, ...], came_at: int) -> None:
        self.socket = connection
        self.address = address
        self.came_at = came_at
        self.data = b""


class Arrivals:
    """All connections whose first request has not come whole, oldest first.

    `open_websocket` gets a connection, its peer's address, the request, and the bytes behind it.
    """

    def __init__(
        self,
        http: CountingServer,
        open_websocket: Open,
        posts: Posts,
        limits: AddressLimits,
        *,
        max_requests: int,
        head_timeout: float = HEAD_TIMEOUT,
    ) -> None:
        self._http = http
        self._open_websocket = open_websocket
        self._posts = posts
        self._limits = limits
        self._max_requests = max_requests
        self._timeout = round(head_timeout * 1000)
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Arrival, None] = {}

    @property
    def has_room(self) -> bool:
        """Whether one more connection may be accepted, if only for a probe."""
        return self._requests < self._max_requests + RESERVED

    @property
    def _requests(self) -> int:
        return self._http.requests + len(self._posts)

    def add(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        """Take an accepted connection. Its request has often come already."""
        connection.setblocking(False)
        arrival = Arrival(connection, address, now())
        if not self._read(arrival):
            self._make_room()
            self._waiting[arrival] = None
            self._loop.add_reader(connection, self._on_readable, arrival)

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
        if arrival in self._waiting:
            del self._waiting[arrival]
            self._loop.remove_reader(arrival.socket)

    def _on_readable(self, arrival: Arrival) -> None:
        self._read(arrival)

    def _read(self, arrival: Arrival) -> bool:
        """Read what has come; return whether the connection has been passed on or closed."""
        data = receive(arrival.socket, MAX_HEAD)
        if data is None:
            return False
        if not data:
            self._close(arrival)
            return True
        arrival.data += data
        size = head_size(arrival.data)
        if not size and len(arrival.data) < MAX_HEAD:
            return False
        self._forget(arrival)
        self._pass_on(arrival, size)
        return True

    def _pass_on(self, arrival: Arrival, size: int) -> None:
        if size and arrival.data.startswith(_POST):
            self._posts.add(arrival.socket, arrival.address, arrival.data)
            return
        request = parse_stream_request(arrival.data[:size]) if size else None
        if request is not None:
            self._open_websocket(arrival.socket, arrival.address[0], request, arrival.data[size:])
            return
        refusal = self._refuse_request(arrival)
        if refusal is None:
            self._http.take(arrival.socket, arrival.address, arrival.data)
        else:
            send_refusal(arrival.socket, refusal)

    def _refuse_request(self, arrival: Arrival) -> Refusal | None:
        """Refuse a connection that is no stream, if there are too many."""
        if _URGENT.match(arrival.data):
            return None
        address = arrival.address[0]
        if self._requests >= self._max_requests:
            return Refusal(503, f"there are {self._max_requests} connections that are no streams")
        is_limited = self._limits.is_limited(address) and not self._limits.is_proxy(address)
        if is_limited and self._http.by_address[address] >= REQUESTS_PER_ADDRESS:
            return Refusal(429, f"there are {REQUESTS_PER_ADDRESS} connections of {address}")
        return None
