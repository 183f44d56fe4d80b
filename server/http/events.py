"""GET /view/stream with `Accept: text/event-stream`: one client's server-sent events."""

from __future__ import annotations

import asyncio

import msgspec
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, StreamClosedError

from server.framing import Encoding
from server.http.handler import allow_origin
from server.http.refusal import Refusal
from server.http.subscription import ABNORMAL, StreamHandler

CLOSE_TIMEOUT = 5.0
"""Seconds that a client has to take the last event before its connection is closed."""


def wants_events(request: HTTPServerRequest) -> bool:
    """Whether a request for the stream asks for events: `*/*` is what curl sends."""
    headers = request.headers
    accept = headers.get("Accept", "")
    return "Upgrade" not in headers and (accept == "*/*" or "text/event-stream" in accept)


class EventStream(StreamHandler):
    """One client. The body of its response ends with the connection, so it is sent as it is."""

    _stream: IOStream
    _closed_with = ABNORMAL

    def prepare(self) -> None:
        allow_origin(self, self.context.access)
        found = self.check_subscription(self.request.headers.get("Last-Event-ID"))
        if isinstance(found, Refusal):
            self.refuse(found)
        else:
            self.subscription = found

    def head(self, *args: str, **kwargs: str) -> None:
        """Answer without a stream, which a client of HEAD would never read."""
        if not self._finished:
            self.set_header("Content-Type", "text/event-stream")
            self.finish()

    async def get(self) -> None:
        if self._finished:
            return
        head = self._head()
        stream = self.detach()
        assert isinstance(stream, IOStream)
        self._stream = stream
        stream.set_close_callback(lambda: self.on_disconnected(self._closed_with))
        try:
            await stream.write(head)
        except StreamClosedError:
            return
        self.connect(stream, Encoding.EVENTS)

    def _head(self) -> bytes:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Connection", "close")
        self.set_header("X-Accel-Buffering", "no")  # nginx would keep events back
        lines = [f"{name}: {value}" for name, value in self._headers.get_all()]
        return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1")

    def disconnect(self, code: int, reason: str) -> None:
        if self.connection is None:
            return
        self._closed_with = code
        self.context.hub.remove_client(self.connection)
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self._stream.close)
        try:
            written = self._stream.write(encode_close(code, reason))
        except StreamClosedError:
            return
        written.add_done_callback(self._on_last_event_written)

    def _on_last_event_written(self, written: asyncio.Future[None]) -> None:
        if not written.cancelled() and written.exception() is None:
            self._stream.close()


def encode_close(code: int, reason: str) -> bytes:
    """Encode the last event: why the server closes, and when `EventSource` should reconnect."""
    delay = reason.removeprefix("retry=") if reason.startswith("retry=") else None
    retry = b"" if delay is None else b"retry: %d\n" % round(1000 * float(delay))
    data = msgspec.json.encode({"code": code, "reason": reason})
    return b"event: close\n" + retry + b"data: " + data + b"\n\n"
