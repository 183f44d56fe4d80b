"""GET /view/stream: opens a client's websocket.

Plain connections come from `arrivals.py`. Those with TLS, and requests in an unusual form, come by
way of Tornado.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import NamedTuple

from tornado.iostream import IOStream, StreamClosedError

from server.access.access import is_page
from server.access.refusal import Refusal, send_refusal
from server.http.handler import Context, Handler
from server.http.subscription import Subscription
from server.wire.connection import Connection
from server.wire.handshake import (
    Handshake,
    StreamRequest,
    check_handshake,
    encode_answer,
)
from server.wire.socket_connection import SocketConnection
from server.wire.stream_connection import StreamConnection

_REQUEST = "GET '/view/stream'"


class Accepted(NamedTuple):
    """A handshake to be answered.

    A refusal has a status and JSON, which a page cannot read: a handshake with an `Origin` is
    accepted nevertheless, and the websocket closed with a code and a reason.
    """

    handshake: Handshake
    found: Subscription | Refusal


def accept(
    context: Context,
    request: StreamRequest,
    peer: str,
    *,
    method: str = "GET",
    version: str = "HTTP/1.1",
) -> Accepted | Refusal:
    """Decide about a handshake."""
    headers = request.headers
    handshake = check_handshake(headers, method, version, compresses=context.compresses)
    if isinstance(handshake, Refusal):
        return handshake
    found = context.admission.decide(headers, request.arguments, peer)
    if isinstance(found, Refusal) and not (is_page(headers) and context.connections.may_explain):
        return found
    return Accepted(handshake, found)


def open_websocket(
    context: Context, connection: socket.socket, peer: str, request: StreamRequest, rest: bytes
) -> None:
    """Answer a handshake on a plain connection; `rest` is what the client has sent behind it."""
    accepted = accept(context, request, peer)
    if isinstance(accepted, Refusal):
        context.note_refusal(accepted, _REQUEST, context.client_network(peer, request.headers))
        send_refusal(connection, accepted)
        return
    handshake = accepted.handshake
    client = SocketConnection(
        connection,
        context.connections,
        context.readers,
        handshake.encoding,
        encode_answer(handshake),
    )
    _begin(context, client, accepted, peer, request.headers)
    if rest:
        client.receive(rest)
    context.readers.loop.call_soon(client.send_answer)  # after the hub had its turn


def _begin(
    context: Context,
    connection: Connection,
    accepted: Accepted,
    peer: str,
    headers: Mapping[str, str],
) -> None:
    """Add a client whose handshake has been answered, or close it with a reason."""
    found = accepted.found
    if isinstance(found, Refusal):
        context.note_refusal(found, _REQUEST, context.client_network(peer, headers))
        context.connections.add_refused(connection, found.close_code, found.close_reason)
        return
    for refusal in found.refused.values():
        context.note_refusal(refusal, _REQUEST, found.network)
    context.connections.add(connection, found)


class Stream(Handler):
    """A websocket by way of Tornado."""

    _accepted: Accepted

    def set_default_headers(self) -> None:
        """Set none: they are of no use on an upgraded connection."""

    def prepare(self) -> None:
        request = self.request
        accepted = accept(
            self.context,
            StreamRequest(self.decode_arguments(), request.headers),
            request.remote_ip or "",
            method=request.method or "",
            version=request.version,
        )
        if isinstance(accepted, Refusal):
            super().set_default_headers()
            self.refuse(accepted)
        else:
            self._accepted = accepted

    async def get(self) -> None:
        if self._finished:
            return
        stream = self.detach()
        assert isinstance(stream, IOStream)
        try:
            await stream.write(encode_answer(self._accepted.handshake))
        except StreamClosedError:
            return
        owner, encoding = self.context.connections, self._accepted.handshake.encoding
        peer, headers = self.request.remote_ip or "", self.request.headers
        _begin(
            self.context,
            StreamConnection(stream, owner, encoding),
            self._accepted,
            peer,
            headers,
        )
