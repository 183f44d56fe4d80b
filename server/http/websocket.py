"""GET /view/stream: one client's websocket."""

from __future__ import annotations

import asyncio

from tornado.iostream import IOStream
from tornado.websocket import WebSocketHandler, WebSocketProtocol

from server.framing import Encoding
from server.http.access import is_page
from server.http.negotiate import Parameters, negotiate_deflate
from server.http.reader_token import choose_subprotocol
from server.http.refusal import Refusal
from server.http.subscription import ABNORMAL, StreamHandler, Subscription

MAX_MESSAGE = 1024
"""Bytes of a message from a client. Clients have none to send."""
UNSUPPORTED = 1003
MAX_REFUSED = 32
"""Refused websockets that are open at a time, until the page answers the close. Above, a page gets
the HTTP status, which it cannot read: these connections count for no other bound."""
CLOSE_TIMEOUT = 2.0
"""Seconds that a page has to answer the close of a refused websocket."""


class Stream(WebSocketHandler, StreamHandler):
    """One client.

    A handshake that is refused gets a status and JSON, before the upgrade. But a page cannot read
    these: a handshake with an `Origin` is accepted, and closed with a code and a reason.
    """

    _deflate: Parameters | None = None
    _refusal: Refusal | None = None

    def set_default_headers(self) -> None:
        """Set none: they are of no use on an upgraded connection."""

    def prepare(self) -> None:
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            expected = "expected a websocket, or Accept: text/event-stream"
            self.refuse(Refusal(426, expected))
            return
        found = self.check_subscription()
        if isinstance(found, Subscription):
            self.subscription = found
        elif self._can_be_accepted():
            self._refusal = found
        else:
            self.refuse(found)

    def _can_be_accepted(self) -> bool:
        """Whether this is a page's handshake, and few refused ones are open."""
        return is_page(self.request.headers) and len(self.context.refused) < MAX_REFUSED

    def check_origin(self, origin: str) -> bool:
        """Allow all that got so far: `prepare` has decided."""
        return True

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Choose ours, if it is offered; the other one that is offered holds the token."""
        return choose_subprotocol(self.request.headers)

    def get_compression_options(self) -> dict[str, object] | None:
        """Enable compression if the client accepts messages that are compressed once for all."""
        if self.context.compresses:
            header = ",".join(self.request.headers.get_list("Sec-WebSocket-Extensions"))
            self._deflate = negotiate_deflate(header)
        return None if self._deflate is None else {}

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Tornado's protocol, with our own answer to the client's offer.

        Tornado's answer ignores the no_context_takeover flags: it would create a compressor of
        256 KB for each client, which is never used.
        """
        protocol = super().get_websocket_protocol()
        if protocol is not None and self._deflate is not None:
            answer = [("permessage-deflate", self._deflate)]
            protocol._parse_extensions_header = lambda headers: answer  # type: ignore[attr-defined]
        return protocol

    def open(self, *args: str, **kwargs: str) -> None:
        assert self.ws_connection is not None
        stream = self.ws_connection.stream
        assert isinstance(stream, IOStream)
        if stream.closed():  # the client has gone already
            return
        if self._refusal is not None:
            self._close_refused(self._refusal, stream)
            return
        is_plain = self._deflate is None
        self.connect(stream, Encoding.FRAMES if is_plain else Encoding.DEFLATED_FRAMES)

    def _close_refused(self, refusal: Refusal, stream: IOStream) -> None:
        self.note_refusal(refusal)
        self.context.refused.add(self)
        self.close(refusal.close_code, refusal.close_reason)
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, stream.close)

    def on_message(self, message: str | bytes) -> None:
        self.disconnect(UNSUPPORTED, "clients send nothing")

    def on_ping(self, data: bytes) -> None:
        if self.connection is not None:
            self.connection.on_pong_written(self.context.hub.block)

    def on_close(self) -> None:
        self.context.refused.discard(self)
        self.on_disconnected(self.close_code or ABNORMAL)

    def disconnect(self, code: int, reason: str) -> None:
        if self.connection is not None:
            self.context.hub.remove_client(self.connection)
        self.close(code, reason)
