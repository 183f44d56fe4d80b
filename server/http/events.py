"""GET /view/stream with `Accept: text/event-stream`: one client's server-sent events."""

from __future__ import annotations

from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, StreamClosedError

from server.access.refusal import Refusal
from server.framing import Encoding
from server.http.handler import Handler, allow_origin
from server.http.subscription import Subscription
from server.wire.connection import Connection
from server.wire.counting import PlainStream
from server.wire.handshake import StreamRequest
from server.wire.socket_connection import SocketConnection
from server.wire.stream_connection import StreamConnection


def wants_events(request: HTTPServerRequest) -> bool:
    """Whether a request for the stream asks for events: `*/*` is what curl sends."""
    headers = request.headers
    accept = headers.get("Accept", "")
    return "Upgrade" not in headers and (accept == "*/*" or "text/event-stream" in accept)


class EventStream(Handler):
    """One client. The body of its response ends with the connection, so it is sent as it is."""

    _subscription: Subscription

    def prepare(self) -> None:
        allow_origin(self, self.context.access)
        request = StreamRequest(self.decode_arguments(), self.request.headers)
        found = self.context.admission.decide(request, self.request.remote_ip or "")
        if isinstance(found, Refusal):
            self.refuse(found)
        else:
            self._subscription = found

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
        try:
            await stream.write(head)
        except StreamClosedError:
            return
        for refusal in self._subscription.refused.values():
            self.note_refusal(refusal)
        self.context.connections.add(self._connect(stream), self._subscription)

    def _connect(self, stream: IOStream) -> Connection:
        owner = self.context.connections
        if isinstance(stream, PlainStream):
            return SocketConnection(
                stream.take_socket(), owner, self.context.readers, Encoding.EVENTS
            )
        return StreamConnection(stream, owner, Encoding.EVENTS)

    def _head(self) -> bytes:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Connection", "close")
        self.set_header("X-Accel-Buffering", "no")  # nginx would keep events back
        lines = [f"{name}: {value}" for name, value in self._headers.get_all()]
        return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1")
