"""GET /view/stream: one client's websocket."""

from __future__ import annotations

from collections.abc import Container

from tornado.iostream import IOStream
from tornado.websocket import WebSocketHandler, WebSocketProtocol

from server.http.access import Refusal
from server.http.connection import Connection
from server.http.handler import Handler, unknown_view
from server.http.negotiate import Parameters, negotiate_deflate
from viewstream.protocol import Position, ProtocolError, parse_position

MAX_MESSAGE = 1024
"""Bytes of a message from a client. Clients have none to send."""
UNSUPPORTED = 1003
COUNTED_CODES = {1000, 1001, 1003, 1005, 1006, 1009, 4000, 4001, 4008}
"""Close codes with a counter of their own; a client may send any."""


class Stream(WebSocketHandler, Handler):
    """One client. `prepare` refuses a handshake in JSON, before the upgrade."""

    _connection: Connection | None = None
    _deflate: Parameters | None = None

    def set_default_headers(self) -> None:
        """Set none: they are of no use on an upgraded connection."""

    def prepare(self) -> None:
        refusal = self._refusal()
        if refusal is not None:
            self.refuse(refusal)

    def _refusal(self) -> Refusal | None:
        headers, access = self.request.headers, self.context.access
        if headers.get("Upgrade", "").lower() != "websocket":
            return Refusal(426, "expected a websocket")
        refusal = access.refuse_host(headers) or access.refuse_origin(headers)
        if refusal is not None:
            return refusal
        arguments = self.get_query_arguments("view", strip=False)
        try:
            self._wanted = parse_wanted(arguments, self.context.hub.names)
        except ProtocolError as error:
            return Refusal(400, str(error))
        for name in self._wanted:
            if name not in self.context.hub.names:
                return unknown_view(name)
        limit = self.context.max_clients
        if len(self.context.hub.clients) >= limit:
            return Refusal(503, f"there are {limit} clients already, which is the limit")
        return None

    def check_origin(self, origin: str) -> bool:
        return self.context.access.refuse_origin(self.request.headers) is None

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
        self._connection = Connection(
            self._disconnect,
            stream,
            deflates=self._deflate is not None,
            on_drained=self.context.hub.on_drained,
        )
        self.context.metrics.connections.inc()
        self.context.connections.add(self._connection)
        self.context.hub.add_client(self._connection, self._wanted)

    def on_message(self, message: str | bytes) -> None:
        self._disconnect(UNSUPPORTED, "clients send nothing")

    def on_ping(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.on_pong_written(self.context.hub.block)

    def on_close(self) -> None:
        code = self.close_code or 1006
        self.context.metrics.closes.labels(code if code in COUNTED_CODES else "other").inc()
        if self._connection is not None:
            self.context.connections.remove(self._connection)
            self.context.hub.remove_client(self._connection)
            self._connection = None

    def _disconnect(self, code: int, reason: str) -> None:
        """Close the websocket; the hub writes nothing more to it."""
        if self._connection is not None:
            self.context.hub.remove_client(self._connection)
        self.close(code, reason)


def parse_wanted(arguments: list[str], served: Container[str]) -> dict[str, Position | None]:
    """Parse each `NAME` or `NAME@EPOCH:FRONTIER`; raises ProtocolError.

    A name may contain an @: an argument that is `served` is a name as a whole, and in any other the
    last @ counts. (No view whose name ends like a position is served.)
    """
    if not arguments:
        raise ProtocolError("expected at least one view: /view/stream?view=NAME")
    wanted: dict[str, Position | None] = {}
    for argument in arguments:
        name, at, position = argument.rpartition("@")
        if argument in served or not at:
            name, at = argument, ""
        if name in wanted:
            raise ProtocolError(f"expected the view {name!r} once")
        wanted[name] = parse_position(position) if at else None
    return wanted
