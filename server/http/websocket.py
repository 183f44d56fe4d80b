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
from server.framing import Encoding
from server.http.handler import Context, Handler
from server.http.subscription import Subscription
from server.wire.connection import Connection
from server.wire.handshake import (
    StreamRequest,
    check_handshake,
    encode_answer,
    key_of,
)
from server.wire.socket_connection import SocketConnection
from server.wire.stream_connection import StreamConnection

LONGEST_SILENCE = 0.1
"""Seconds that the answer of a handshake waits for a message to be sent with, in a storm."""
_REQUEST = "GET '/view/stream'"


class Accepted(NamedTuple):
    """A handshake to be answered.

    A refusal has a status and JSON, which a page cannot read: a handshake with an `Origin` is
    accepted nevertheless, and the websocket closed with a code and a reason.
    """

    encoding: Encoding
    answer: bytes
    found: Subscription | Refusal


def accept(context: Context, request: StreamRequest, key: bytes, peer: str) -> Accepted | Refusal:
    """Decide about a handshake."""
    handshake = request.handshake
    if isinstance(handshake, Refusal):
        return handshake
    found = context.admission.decide(request, peer)
    if isinstance(found, Refusal):
        may_explain = is_page(request.headers) and context.connections.may_explain
        if not may_explain:
            return found
    return Accepted(handshake.encoding, encode_answer(key, handshake.choices), found)


class Websockets:
    """Opens websockets on plain connections.

    The answer of a handshake is sent with the first message of the hub, which is a base as a rule.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._loop = context.readers.loop
        self._unanswered: list[SocketConnection] = []
        self._answer_by = 0.0

    def open(
        self, connection: socket.socket, peer: str, request: StreamRequest, key: bytes, rest: bytes
    ) -> None:
        """Answer a handshake; `rest` is what the client has sent behind it."""
        context = self._context
        accepted = accept(context, request, key, peer)
        if isinstance(accepted, Refusal):
            context.note_refusal(accepted, _REQUEST, context.client_network(peer, request.headers))
            send_refusal(connection, accepted)
            return
        encoding, answer, found = accepted
        client = SocketConnection(
            connection, context.connections, context.readers, encoding, answer
        )
        _begin(context, client, found, peer, request.headers)
        if rest:
            client.receive(rest)
        if not self._unanswered:
            self._answer_by = self._loop.time() + LONGEST_SILENCE
            self._loop.call_soon(self._send_answers)
        self._unanswered.append(client)

    def _send_answers(self) -> None:
        """Send the answers with which no message was sent, once the hub has served its queue."""
        if self._context.hub.has_queue and self._loop.time() < self._answer_by:
            self._loop.call_soon(self._send_answers)
            return
        unanswered, self._unanswered = self._unanswered, []
        for client in unanswered:
            client.send_answer()


def _begin(
    context: Context,
    connection: Connection,
    found: Subscription | Refusal,
    peer: str,
    headers: Mapping[str, str],
) -> None:
    """Add a client whose handshake is answered, or close it with a reason."""
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
        request, context = self.request, self.context
        headers = request.headers
        handshake = check_handshake(
            headers, request.method or "", request.version, compresses=context.compresses
        )
        asked = StreamRequest(self.decode_arguments(), headers, handshake)
        accepted = accept(context, asked, key_of(headers), request.remote_ip or "")
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
        encoding, answer, found = self._accepted
        try:
            await stream.write(answer)
        except StreamClosedError:
            return
        context, request = self.context, self.request
        client = StreamConnection(stream, context.connections, encoding)
        _begin(context, client, found, request.remote_ip or "", request.headers)
