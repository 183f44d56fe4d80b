"""Many plain websocket clients in one process: they connect, read messages, and count them.

They do as little as possible, so that they keep up with a server that has the other core.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from collections.abc import Callable

_REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
)
_OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
"""The extension that browsers offer."""
_CHUNK = 1 << 20
_AT_ONCE = 256
"""Handshakes at one time: no more than the backlog of a listening socket."""


_UPPER = b'"upper":'
_NUMBER = re.compile(rb"\d+(?=,)")
_LONGEST_UPPER = 32


class FleetClient:
    """One socket. `messages` counts frames with at least the fleet's `smallest` bytes.

    `upper` is that of the last delta: merged deltas are fewer frames, but the same progress.
    """

    __slots__ = (
        "_head",
        "_skip",
        "_smallest",
        "_tail",
        "is_open",
        "largest",
        "messages",
        "socket",
        "upper",
    )

    def __init__(self, connection: socket.socket, smallest: int) -> None:
        self.socket = connection
        self.messages = 0
        self.largest = 0
        self.is_open = False
        self._smallest = smallest
        self.upper = 0
        self._head = b""
        self._skip = 0
        self._tail = b""

    def look(self, data: bytes | memoryview) -> None:
        """Find the last `upper` in received bytes, which may be cut anywhere."""
        text = self._tail + data
        found = _NUMBER.match(text, text.rfind(_UPPER) + len(_UPPER)) if _UPPER in text else None
        if found is not None:
            self.upper = int(found[0])
        self._tail = text[-_LONGEST_UPPER:]

    def feed(self, data: bytes | memoryview) -> None:
        """Parse received bytes: the answer of the handshake, then frames."""
        position = 0
        if not self.is_open:
            self._head += bytes(data)
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._head.startswith(b"HTTP/1.1 101 "):
                raise RuntimeError(f"expected a websocket, found {self._head[:200]!r}")
            self.is_open = True
            data, self._head = self._head[end + 4 :], b""
        while True:
            if self._skip:
                step = min(self._skip, len(data) - position)
                position += step
                self._skip -= step
            if position >= len(data):
                return
            head = self._head + bytes(data[position : position + 10 - len(self._head)])
            needed = 2 if len(head) < 2 or head[1] < 126 else (4 if head[1] == 126 else 10)
            if len(head) < needed:
                self._head = head
                return
            position += needed - len(self._head)
            self._head = b""
            size = head[1]
            if size == 126:
                (size,) = struct.unpack_from("!H", head, 2)
            elif size == 127:
                (size,) = struct.unpack_from("!Q", head, 2)
            self._skip = size
            self.largest = max(self.largest, size)
            if head[0] & 0x0F == 1 and size >= self._smallest:
                self.messages += 1

    @property
    def is_between_frames(self) -> bool:
        return not self._skip and not self._head


class Fleet:
    """`count` clients of one server. Use as a context manager."""

    def __init__(
        self,
        address: tuple[str, int],
        path: str = "/",
        *,
        count: int,
        smallest: int = 0,
        deflates: bool = False,
    ) -> None:
        self._address = address
        host, port = address
        offer = _OFFER if deflates else ""
        self._request = _REQUEST.format(path=path, host=host, port=port, offer=offer).encode()
        self._count = count
        self._smallest = smallest
        self._poll = select.epoll()
        self.clients: dict[int, FleetClient] = {}
        self._stalled: set[int] = set()
        self.follows = False
        """Whether to find each client's `upper`, which costs the fleet some time."""
        self._chunk = bytearray(_CHUNK)

    def connect(self, patience: float = 120.0) -> None:
        """Connect all clients, and wait for their handshakes."""
        opening: set[int] = set()
        deadline = time.monotonic() + patience
        while len(self.clients) < self._count or opening:
            while len(self.clients) < self._count and len(opening) < _AT_ONCE:
                opening.add(self._open())
            self.read(0.05)
            opening = {fd for fd in opening if not self.clients[fd].is_open}
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(opening)} handshakes were not answered")

    def _open(self) -> int:
        connection = socket.create_connection(self._address, 30)
        connection.sendall(self._request)
        connection.setblocking(False)
        self._poll.register(connection, select.EPOLLIN)
        self.clients[connection.fileno()] = FleetClient(connection, self._smallest)
        return connection.fileno()

    def stall(self, fds: list[int]) -> None:
        """Let these clients read nothing any more."""
        for fd in fds:
            self._poll.unregister(fd)
            self._stalled.add(fd)

    def read(self, seconds: float) -> int:
        """Wait for bytes for up to `seconds`, read once from each client; return the bytes read."""
        received = 0
        view = memoryview(self._chunk)
        for fd, _ in self._poll.poll(seconds):
            client = self.clients[fd]
            size = client.socket.recv_into(self._chunk)
            if size == 0:
                raise RuntimeError("the server closed a connection")
            received += size
            client.feed(view[:size])
            if self.follows:
                client.look(view[:size])
        return received

    def read_until(self, condition: Callable[[], bool], patience: float = 120.0) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            self.read(0.01)
            if time.monotonic() > deadline:
                raise TimeoutError("messages did not arrive in time")

    def read_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.read(left)

    @property
    def messages(self) -> int:
        """The number of messages of all clients together."""
        return sum(client.messages for client in self.clients.values())

    def has_reached(self, head: int) -> bool:
        """Return whether every client has received deltas up to `head`."""
        return all(client.upper >= head for client in self.clients.values())

    def close(self) -> None:
        for client in self.clients.values():
            client.socket.close()
        self._poll.close()

    def __enter__(self) -> Fleet:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
