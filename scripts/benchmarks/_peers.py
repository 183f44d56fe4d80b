"""Peers of the fan-out benchmark: small servers that send one message to many websockets.

Each is a process (`python -m scripts.benchmarks._peers NAME`) that prints its port and takes orders
on stdin: `RATE SECONDS SIZE` sends RATE text messages of SIZE bytes a second to every client, and
answers with their number. They make their messages up, and so read none.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from server.framing import frame

NODE_SCRIPT = Path(__file__).with_name("_peer_ws.cjs")


def schedule(rate: float, seconds: float) -> list[float]:
    """Return the times of the messages, in seconds from now."""
    return [n / rate for n in range(int(rate * seconds))]


def _answer(key: str) -> str:
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324
    return base64.b64encode(digest).decode()


def _accept(listener: socket.socket) -> socket.socket:
    """Accept the next client, and answer its handshake."""
    connection, _ = listener.accept()
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    key = head.decode().partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
    connection.sendall(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {_answer(key)}\r\n\r\n".encode()
    )
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _announce(listener: socket.socket) -> None:
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)


def bare_loop() -> None:
    """Send by a loop of `socket.send` over sockets."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    sockets: list[socket.socket] = []

    def accept() -> None:
        while True:
            sockets.append(_accept(listener))

    threading.Thread(target=accept, daemon=True).start()
    _announce(listener)
    for line in sys.stdin:
        rate, seconds, size = line.split()
        data = frame(b"x" * int(size))
        due = schedule(float(rate), float(seconds))
        begin = time.monotonic()
        for moment in due:
            wait = begin + moment - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            for connection in sockets:
                connection.send(data)
        print(len(due), flush=True)


def bare_bases() -> None:
    """Send one message of the given size to each client when it connects."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    _announce(listener)
    data = frame(b"x" * int(sys.argv[2]))
    while True:
        connection = _accept(listener)
        connection.sendall(data)
        connection.detach()


async def websockets_broadcast() -> None:
    """Send by `broadcast` of the websockets library."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    connections: set[ServerConnection] = set()

    async def handler(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()

    async with serve(
        handler, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096
    ) as server:
        _announce(server.sockets[0])
        await _take_orders(lambda text: broadcast(connections, text))


async def tornado_write_message() -> None:
    """Send by `write_message` of Tornado for each client."""
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application
    from tornado.websocket import WebSocketHandler

    handlers: set[WebSocketHandler] = set()

    class Handler(WebSocketHandler):
        def open(self, *args: str, **kwargs: str) -> None:
            self.set_nodelay(True)
            handlers.add(self)

        def on_close(self) -> None:
            handlers.discard(self)

    def send(text: str) -> None:
        for handler in handlers:
            handler.write_message(text)

    sockets = bind_sockets(0, "127.0.0.1", backlog=4096)
    HTTPServer(Application([("/.*", Handler)])).add_sockets(sockets)
    _announce(sockets[0])
    await _take_orders(send)


async def _take_orders(send: Callable[[str], None]) -> None:
    """Take orders from stdin without blocking the event loop."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        rate, seconds, size = line.split()
        text = "x" * int(size)
        due = schedule(float(rate), float(seconds))
        begin = time.monotonic()
        for moment in due:
            await asyncio.sleep(max(0.0, begin + moment - time.monotonic()))
            send(text)
        print(len(due), flush=True)


def install_ws() -> tuple[list[str], str] | None:
    """Install `ws` into a temporary folder; return the command of its peer, and the folder.

    Returns None if Node or npm is missing, or `ws` cannot be installed.
    """
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    folder = tempfile.mkdtemp(prefix="viewstream-ws-")
    done = subprocess.run(
        [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, "ws@8"],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(folder)
        return None
    return [node, str(NODE_SCRIPT), folder], folder


PEERS: dict[str, Callable[[], None]] = {
    "bare": bare_loop,
    "bare-bases": bare_bases,
    "websockets": lambda: asyncio.run(websockets_broadcast()),
    "tornado": lambda: asyncio.run(tornado_write_message()),
}

if __name__ == "__main__":
    PEERS[sys.argv[1]]()
