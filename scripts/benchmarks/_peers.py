"""Peers of the server's benchmarks: small servers that send one message to many websockets.

Each is a process (`python -m scripts.benchmarks._peers NAME`) that prints its port and takes
orders, lines on stdin:

    hello SIZE                      send SIZE bytes to each client that connects from now on
                                    (the bare loop marks them as deflated, if that is offered)
    send RATE SECONDS SIZE BURST    send BURST messages of SIZE bytes to each client, RATE times
                                    a second; answers with their number and the last stamp

A message begins with a stamp, `@NANOSECONDS@` of the monotonic clock. `_peers.cjs` has the peers on
Node.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

from server.framing import frame

_SWITCHING = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: "
)
_DEFLATE = (
    "Sec-WebSocket-Extensions: "
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
)


def stamped(size: int) -> tuple[int, str]:
    """Return a message of `size` characters, and the stamp that it begins with."""
    stamp = time.monotonic_ns()
    return stamp, f"@{stamp}@".ljust(size, "x")


def due_times(rate: float, seconds: float) -> Iterator[float]:
    """Yield the monotonic times at which to send, from now on."""
    begin = time.monotonic()
    for number in range(int(rate * seconds)):
        yield begin + number / rate


def _answer(key: str) -> str:
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324
    return base64.b64encode(digest).decode()


def _announce(listener: socket.socket) -> None:
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)


class BareLoop:
    """A loop of `socket.send` over sockets, without an event loop: the limit of Python."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._sockets: list[socket.socket] = []
        self._hello = self._deflated_hello = b""

    def run(self) -> None:
        threading.Thread(target=self._accept_all, daemon=True).start()
        _announce(self._listener)
        for line in sys.stdin:
            kind, *numbers = line.split()
            if kind == "hello":
                self._hello = frame(b"x" * int(numbers[0]))
                self._deflated_hello = b"\xc1" + self._hello[1:]
                print("ok", flush=True)
            else:
                self._send(*map(float, numbers))

    def _accept_all(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            key = head.decode().partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
            deflates = b"permessage-deflate" in head
            extension = _DEFLATE if deflates else ""
            connection.sendall(f"{_SWITCHING}{_answer(key)}\r\n{extension}\r\n".encode())
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._hello:
                connection.sendall(self._deflated_hello if deflates else self._hello)
            self._sockets.append(connection)

    def _send(self, rate: float, seconds: float, size: float, burst: float) -> None:
        count = stamp = 0
        for due in due_times(rate, seconds):
            time.sleep(max(0.0, due - time.monotonic()))
            for _ in range(int(burst)):
                stamp, text = stamped(int(size))
                data = frame(text.encode())
                for connection in self._sockets:
                    connection.send(data)
                count += 1
        print(count, stamp, flush=True)


class _Orders:
    """Takes orders from stdin without blocking the event loop."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self.hello = ""

    async def take(self) -> None:
        while line := await asyncio.to_thread(sys.stdin.readline):
            kind, *numbers = line.split()
            if kind == "hello":
                self.hello = "x" * int(numbers[0])
                print("ok", flush=True)
            else:
                await self._send_all(*map(float, numbers))

    async def _send_all(self, rate: float, seconds: float, size: float, burst: float) -> None:
        count = stamp = 0
        for due in due_times(rate, seconds):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            for _ in range(int(burst)):
                stamp, text = stamped(int(size))
                self._send(text)
                count += 1
        print(count, stamp, flush=True)


async def websockets_broadcast() -> None:
    """Send by `broadcast` of the websockets library."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    connections: set[ServerConnection] = set()
    orders = _Orders(lambda text: broadcast(connections, text))

    async def handler(connection: ServerConnection) -> None:
        connections.add(connection)
        if orders.hello:
            await connection.send(orders.hello)
        await connection.wait_closed()

    async with serve(
        handler, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096
    ) as server:
        _announce(server.sockets[0])
        await orders.take()


async def picows_send() -> None:
    """Send by `send` of picows, to be run on uvloop."""
    from picows import WSListener, WSMsgType, WSTransport, ws_create_server

    transports: set[WSTransport] = set()

    def send(text: str) -> None:
        data = text.encode()
        for transport in transports:
            transport.send(WSMsgType.TEXT, data)

    orders = _Orders(send)

    class Listener(WSListener):  # type: ignore[misc, unused-ignore] # where picows is missing
        def on_ws_connected(self, transport: WSTransport) -> None:
            transports.add(transport)
            if orders.hello:
                transport.send(WSMsgType.TEXT, orders.hello.encode())

        def on_ws_disconnected(self, transport: WSTransport) -> None:
            transports.discard(transport)

    server = await ws_create_server(lambda request: Listener(), "127.0.0.1", 0, backlog=4096)
    _announce(server.sockets[0])
    await orders.take()


def _run_on_uvloop() -> None:
    import uvloop

    uvloop.run(picows_send())


async def tornado_write_message() -> None:
    """Send by `write_message` of Tornado for each client."""
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application
    from tornado.websocket import WebSocketHandler

    handlers: set[WebSocketHandler] = set()

    def send(text: str) -> None:
        for handler in handlers:
            handler.write_message(text)

    orders = _Orders(send)

    class Handler(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            self.set_nodelay(True)
            handlers.add(self)
            if orders.hello:
                self.write_message(orders.hello)

        def on_close(self) -> None:
            handlers.discard(self)

    sockets = bind_sockets(0, "127.0.0.1", backlog=4096)
    HTTPServer(Application([("/.*", Handler)])).add_sockets(sockets)
    _announce(sockets[0])
    await orders.take()


PEERS: dict[str, Callable[[], None]] = {
    "bare": lambda: BareLoop().run(),
    "websockets": lambda: asyncio.run(websockets_broadcast()),
    "picows": _run_on_uvloop,
    "tornado": lambda: asyncio.run(tornado_write_message()),
}

if __name__ == "__main__":
    PEERS[sys.argv[1]]()
