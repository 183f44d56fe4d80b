"""Posts deltas to a server over one connection, without waiting for each answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import Any

from viewstream.protocol import Delta, Row, encode


def get_text(port: int, path: str) -> str:
    """Return the text that the server answers at `path`."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as http_:
        http_.request("GET", path)
        return http_.getresponse().read().decode()


def get_json(port: int, path: str) -> Any:
    """Return the JSON that the server answers at `path`."""
    return json.loads(get_text(port, path))


class Poster:
    """A pipeline for one view. Every `post` advances the head by one millisecond."""

    def __init__(self, port: int, view: str, epoch: str, head: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._view = view
        self._epoch = epoch
        self.head = head
        self._answers = 0
        self.posted = 0
        self.post([])

    def post(self, rows: list[Row]) -> None:
        """Post a delta that adds `rows`."""
        updates = [(self.head, 1, row) for row in rows]
        body = encode(Delta(self._view, self._epoch, self.head, self.head + 1, updates))
        self._socket.sendall(
            b"POST /view/deltas HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        self.head += 1
        self.posted += 1

    def settle(self) -> None:
        """Wait until all posts are answered; raises RuntimeError unless each was taken."""
        received = b""
        while self._answers + received.count(b"}\n") < self.posted:
            chunk = self._socket.recv(1 << 16)
            if not chunk:
                raise RuntimeError("the server closed the connection of the posts")
            received += chunk
        if received.count(b"HTTP/1.1 200 ") != received.count(b"HTTP/1.1 "):
            raise RuntimeError(f"a post was refused: {received[-300:]!r}")
        self._answers = self.posted

    def close(self) -> None:
        self._socket.close()
