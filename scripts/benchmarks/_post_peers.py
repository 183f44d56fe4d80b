"""Servers that answer a POST and do nothing else.

Each is a process: `python -m scripts.benchmarks._post_peers NAME`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable

from scripts.benchmarks._measured import Measured
from scripts.child import python_module

PEERS = {"bare": "asyncio that parses one header", "tornado": "Tornado that reads the JSON"}
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n"


def start_peer(name: str) -> Measured:
    return Measured(python_module(__name__, name))


class _Protocol(asyncio.Protocol):
    """Answers each request once its body is there."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].partition(b"Content-Length: ")[2]
            size = end + 4 + int(head.partition(b"\r\n")[0])
            if len(self._received) < size:
                return
            self._received = self._received[size:]
            self._transport.write(_ANSWER)


def _announce(listener: socket.socket) -> None:
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)


async def _bare() -> None:
    server = await asyncio.get_running_loop().create_server(_Protocol, "127.0.0.1", 0)
    _announce(server.sockets[0])
    await server.serve_forever()


async def _tornado() -> None:
    from tornado.escape import json_decode
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application, RequestHandler

    class Handler(RequestHandler):
        def post(self) -> None:
            json_decode(self.request.body)
            self.finish(b"{}\n")

    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application([("/.*", Handler)])).add_sockets(sockets)
    _announce(sockets[0])
    await asyncio.Event().wait()


_MAINS: dict[str, Callable[[], None]] = {
    "bare": lambda: asyncio.run(_bare()),
    "tornado": lambda: asyncio.run(_tornado()),
}

if __name__ == "__main__":
    _MAINS[sys.argv[1]]()
