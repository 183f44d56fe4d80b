"""A websocket server that says exactly what a test tells it to, in whatever order.

It serves the page and its library too, under a strict Content-Security-Policy, so that the
browser tests need neither engine nor server. It runs in a thread of its own; its methods may
be called from any other. As the real server, it never leaves a client without a message for the
fifteen seconds after which that would connect again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import msgspec
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from server.http.handlers import POLICY
from tests.support.processes import PATIENCE, ROOT, wait_until
from viewstream.protocol import Delta, Message, parse_position

HEARTBEAT_EVERY = 4.0
"""Seconds between two messages of a type that clients ignore."""


class Connection:
    """One client's websocket, as the server sees it."""

    def __init__(self, stream: ScriptedStream, handler: WebSocketHandler, views: list[str]) -> None:
        self._stream = stream
        self._handler = handler
        self.views = views
        """The client's request: VIEW or VIEW@EPOCH:FRONTIER."""
        self.ended = threading.Event()
        self.close_code: int | None = None
        self.close_reason: str | None = None

    def send(self, message: Message | dict[str, Any] | str) -> None:
        """Send a message of the protocol, anything as JSON, or a text as it is."""
        text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
        self._stream.call(lambda: self._handler.write_message(text))

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        self._stream.call(lambda: self._handler.close(code, reason))

    def cut(self) -> None:
        """Cut the connection as a broken network does: without a word."""
        self._stream.call(self._cut)

    def send_heartbeat(self) -> None:
        """Send a message that means nothing; call it in the server's thread."""
        message = {"type": "heartbeat", "view": self.views[0].partition("@")[0]}
        with contextlib.suppress(WebSocketClosedError):
            self._handler.write_message(message)

    def _cut(self) -> None:
        if self._handler.ws_connection is not None:
            self._handler.ws_connection.stream.close()

    def wait_closed(self) -> int | None:
        """Wait until the client is gone; return the code it gave."""
        wait_until(self.ended.is_set, "the client to close its connection")
        return self.close_code


class ScriptedStream:
    """Use as a context manager. `connections` are all there ever were, in order."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.on_open: Callable[[Connection], None] | None = None
        self.refuse_with: int | None = None
        """Answer the next handshakes with this status instead."""
        self.refused = 0
        self.files: dict[str, tuple[str, str]] = {}
        """Files to serve at /own/NAME: name -> (Content-Type, text)."""
        self.about: str | None = "generated"
        self.views: list[dict[str, Any]] | int = []
        """The entries of /view/list, or the status of its refusal."""
        self.metrics = ""
        """The answer of /metrics."""
        self.past: dict[str, list[Delta]] = {}
        """The server's log of each view, for /view/history."""
        self.listed = 0
        """How often it was asked for."""
        self._ready = threading.Event()
        self._scripts: list[threading.Thread] = []
        """Threads that run `on_open`."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *exception: object) -> None:
        for script in self._scripts:
            script.join(PATIENCE)
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)

    def call(self, action: Callable[[], object]) -> None:
        """Run `action` in the server's thread and wait until it is done."""

        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE)

    def connection(self, number: int) -> Connection:
        """The connection of that number, counted from 0; waits until it is there."""
        wait_until(lambda: len(self.connections) > number, f"connection {number}")
        return self.connections[number]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        server = HTTPServer(self._application())
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        self._ready.set()
        heartbeats = asyncio.create_task(self._send_heartbeats())
        await self._over.wait()
        heartbeats.cancel()
        server.stop()
        for connection in self.connections:
            connection._cut()
        await server.close_all_connections()

    async def _send_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_EVERY)
            for connection in self.connections:
                if connection.views and not connection.ended.is_set():
                    connection.send_heartbeat()

    def _run_script(self, connection: Connection) -> None:
        assert self.on_open is not None
        with contextlib.suppress(WebSocketClosedError):  # the client has left before the end
            self.on_open(connection)

    def _application(self) -> Application:
        stream = self

        class Stream(WebSocketHandler):
            def prepare(self) -> None:
                if stream.refuse_with is not None:
                    stream.refused += 1
                    self.set_status(stream.refuse_with)
                    self.finish({"error": "refused by the script"})

            def open(self, *args: str, **kwargs: str) -> None:
                self.connection = Connection(stream, self, self.get_arguments("view", strip=False))
                stream.connections.append(self.connection)
                if stream.on_open is not None:
                    # Not from here: what the script calls waits for this very thread.
                    script = threading.Thread(
                        target=stream._run_script, args=(self.connection,), daemon=True
                    )
                    stream._scripts.append(script)
                    script.start()

            def on_message(self, message: str | bytes) -> None:
                raise AssertionError(f"clients send nothing, but one sent {message!r}")

            def on_close(self) -> None:
                self.connection.close_code = self.close_code
                self.connection.close_reason = self.close_reason
                self.connection.ended.set()

        class About(RequestHandler):
            def get(self) -> None:
                self.finish(json.dumps({"source": stream.about}))

        class Past(RequestHandler):
            def get(self) -> None:
                view = self.get_argument("view")
                before = parse_position(self.get_argument("before"))
                epoch, upper = before.epoch, before.frontier
                since = int(self.get_argument("since"))
                log = stream.past.get(view, [])
                deltas = [one for one in log if one.lower < upper and one.upper > since]
                lower = deltas[0].lower if deltas else upper
                answer = {"epoch": epoch, "lower": lower, "upper": upper, "deltas": deltas}
                self.set_header("Content-Type", "application/json")
                self.finish(msgspec.json.encode({"view": view, **answer}))

        class ViewList(RequestHandler):
            def get(self) -> None:
                stream.listed += 1
                if isinstance(stream.views, int):
                    self.set_status(stream.views)
                    self.finish({"error": "refused by the script"})
                else:
                    milliseconds = time.time_ns() // 1_000_000
                    self.finish({"time": milliseconds, "views": stream.views})

        class Exposition(RequestHandler):
            def get(self) -> None:
                self.set_header("Content-Type", "text/plain")
                self.finish(stream.metrics)

        class Own(RequestHandler):
            def get(self, name: str) -> None:
                content_type, text = stream.files[name]
                self.set_header("Content-Type", content_type)
                self.set_header("Content-Security-Policy", POLICY)
                self.finish(text)

        class Page(StaticFileHandler):
            def set_default_headers(self) -> None:
                self.set_header("Content-Security-Policy", POLICY)

            def set_extra_headers(self, path: str) -> None:
                self.set_header("Cache-Control", "no-cache")  # as the real server

        class NamedPage(Page):
            async def get(self, path: str, include_body: bool = True) -> None:
                await super().get("view.html" if "/" in path else f"{path}.html", include_body)

        files = {"path": str(ROOT / "static"), "default_filename": "index.html"}
        return Application(
            [
                ("/view/stream", Stream),
                ("/about.json", About),
                ("/view/history", Past),
                ("/view/list", ViewList),
                ("/metrics", Exposition),
                ("/(views(?:/[^/]+)?|pipeline)", NamedPage, files),
                ("/own/(.*)", Own),
                ("/(.*)", Page, files),
            ]
        )
