"""GET /view/stream: the websocket."""

from __future__ import annotations

from collections.abc import Container

from tornado.iostream import IOStream
from tornado.websocket import WebSocketHandler, WebSocketProtocol

from server.http import negotiate
from server.http.access import Refusal, refuse_host, refuse_origin
from server.http.connection import Connection
from server.http.handler import Handler, unknown_view
from viewstream.protocol import Position, ProtocolError, parse_position

MAX_MESSAGE = 1024
"""Bytes of a message of a client; it has none to send."""
UNSUPPORTED = 1003
KNOWN_CODES = {1000, 1001, 1003, 1005, 1006, 1009, 4000, 4001, 4008}
"""Those that are counted one by one; a client may say any."""


class Stream(WebSocketHandler, Handler):
    """One client. The handshake is refused in `prepare`, in JSON, before anything is upgraded."""

    _connection: Connection | None = None

    def set_default_headers(self) -> None:
        """None: what is upgraded has no use for them."""

    def prepare(self) -> None:
        refusal = self._refuse()
        if refusal is not None:
            self.refuse(refusal)

    def _refuse(self) -> Refusal | None:
        headers = self.request.headers
        if headers.get("Upgrade", "").lower() != "websocket":
            return Refusal(426, "expected a websocket")
        options = self.context.options
        refusal = refuse_host(headers, options.hosts) or refuse_origin(headers, options.origins)
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
        limit = options.max_clients
        if len(self.context.hub.clients) >= limit:
            return Refusal(503, f"there are {limit} clients already, which is the limit")
        return None

    def check_origin(self, origin: str) -> bool:
        return refuse_origin(self.request.headers, self.context.options.origins) is None

    def get_compression_options(self) -> dict[str, object] | None:
        """Whether the client's offer suits messages that were deflated once for all."""
        self._agreed = None
        if self.context.options.compress_from is not None:
            header = ",".join(self.request.headers.get_list("Sec-WebSocket-Extensions"))
            self._agreed = negotiate.choose(header)
        return None if self._agreed is None else {}

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """Tornado's, but with our own answer to the offer.

        Tornado would answer what it reads in the offer, and it reads no flags: it would make a
        compressor of 256 KB for each client, which is never used.
        """
        protocol = super().get_websocket_protocol()
        if protocol is not None and self._agreed is not None:
            answer = [("permessage-deflate", self._agreed)]
            protocol._parse_extensions_header = lambda headers: answer  # type: ignore[attr-defined]
        return protocol

    def open(self, *args: str, **kwargs: str) -> None:
        assert self.ws_connection is not None
        stream = self.ws_connection.stream
        assert isinstance(stream, IOStream)
        self._connection = Connection(
            self.shut,
            stream,
            deflates=self._agreed is not None,
            on_drained=self.context.hub.on_drained,
        )
        self.context.metrics.connections.inc()
        self.context.connections.add(self._connection)
        self.context.hub.add_client(self._connection, self._wanted)

    def on_message(self, message: str | bytes) -> None:
        self.shut(UNSUPPORTED, "clients send nothing")

    def on_ping(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.look(self.context.hub.block)

    def on_close(self) -> None:
        code = self.close_code or 1006
        self.context.metrics.closes.labels(code if code in KNOWN_CODES else "other").inc()
        if self._connection is not None:
            self.context.connections.discard(self._connection)
            self.context.hub.remove_client(self._connection)
            self._connection = None

    def shut(self, code: int, reason: str) -> None:
        """Close: from now on nothing else is written."""
        if self._connection is not None:
            self.context.hub.remove_client(self._connection)
        self.close(code, reason)


def parse_wanted(arguments: list[str], served: Container[str]) -> dict[str, Position | None]:
    """The views of `view=NAME` or `view=NAME@EPOCH:FRONTIER`; raises ProtocolError.

    A name may have an @ too: what is `served` is a name as a whole, and else the last @ counts. (No
    name that ends like a position is ever served.)
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
