"""A client's request for /view/stream, by a websocket or by server-sent events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tornado.iostream import IOStream

from server.framing import Encoding, parse_event_id
from server.http.connection import Connection
from server.http.grant import ALL, Grant
from server.http.handler import Handler
from server.http.refusal import Refusal, refuse_view
from viewstream.protocol import Position, ProtocolError, parse_position

ABNORMAL = 1006
"""The code under which a connection is counted that was closed without one."""
MAX_VIEWS = 1000
"""Views that one client may ask for, also those that are not served."""


@dataclass(frozen=True)
class Subscription:
    """The views of a client, each with the position from which it resumes."""

    wanted: dict[str, Position | None]
    refused: dict[str, Refusal]
    """Views that are not served or not granted, each with a refusal."""
    grant: Grant = ALL


def parse_subscription(
    arguments: Sequence[str],
    served: Collection[str],
    grant: Grant,
    last_event_id: str | None = None,
) -> Subscription | Refusal:
    """Parse the `view=` arguments; refuse them if they are malformed, or none may be read.

    The positions of `last_event_id` replace those of the arguments.
    """
    try:
        asked = parse_views(arguments, served)
        if last_event_id:
            positions = parse_event_id(last_event_id)
            asked = {name: positions.get(name) for name in asked}
    except ProtocolError as error:
        return Refusal(400, str(error))
    answers = {name: refuse_view(name, served, grant) for name in asked}
    refused = {name: refusal for name, refusal in answers.items() if refusal is not None}
    if len(refused) == len(asked):
        return refused[next(iter(asked))]
    return Subscription({n: p for n, p in asked.items() if n not in refused}, refused, grant)


def parse_views(arguments: Sequence[str], served: Collection[str]) -> dict[str, Position | None]:
    """Parse each `NAME` or `NAME@EPOCH:FRONTIER`; raises ProtocolError.

    A name may contain an @: an argument that is `served` is a name as a whole, and in any other the
    last @ counts. (No view whose name ends like a position is served.)
    """
    if not arguments:
        raise ProtocolError("expected at least one view: /view/stream?view=NAME")
    if len(arguments) > MAX_VIEWS:
        raise ProtocolError(f"expected at most {MAX_VIEWS} views, found {len(arguments)}")
    wanted: dict[str, Position | None] = {}
    for argument in arguments:
        name, at, position = argument.rpartition("@")
        if argument in served or not at:
            name, at = argument, ""
        if name in wanted:
            raise ProtocolError(f"expected the view {name!r} once")
        wanted[name] = parse_position(position) if at else None
    return wanted


class StreamHandler(Handler):
    """The part of a client's handler that websockets and event streams share."""

    connection: Connection | None = None
    subscription: Subscription

    def check_subscription(self, last_event_id: str | None = None) -> Subscription | Refusal:
        """Decide by host, origin, token, views, and the number of clients."""
        headers, context = self.request.headers, self.context
        refusal = context.access.refuse_host(headers) or context.access.refuse_origin(headers)
        if refusal is not None:
            return refusal
        grant = self.find_grant()
        if isinstance(grant, Refusal):
            return grant
        arguments = self.get_query_arguments("view", strip=False)
        found = parse_subscription(arguments, context.hub.names, grant, last_event_id)
        limit = context.max_clients
        if isinstance(found, Subscription) and len(context.hub.clients) >= limit:
            return Refusal(503, f"there are {limit} clients already, which is the limit", "full")
        return found

    def connect(self, stream: IOStream, encoding: Encoding) -> None:
        """Add the client to the hub, which writes to `stream` from now on."""
        context, asked = self.context, self.subscription
        self.connection = Connection(
            self.disconnect, stream, encoding=encoding, on_drained=context.hub.on_drained
        )
        context.metrics.connections.inc()
        context.connections.add(self.connection)
        context.expiry.add(self.disconnect, asked.grant)
        for refusal in asked.refused.values():
            self.note_refusal(refusal)
        sentences = {name: refusal.sentence for name, refusal in asked.refused.items()}
        takes_weights = self.get_query_argument("weights", "") == "1"
        context.hub.add_client(
            self.connection, asked.wanted, sentences, takes_weights=takes_weights
        )

    def disconnect(self, code: int, reason: str) -> None:
        """Close the connection; the hub writes nothing more to it."""
        raise NotImplementedError

    def on_disconnected(self, code: int) -> None:
        """Forget the client: its connection has been closed with this code."""
        self.context.metrics.on_disconnected(code)
        self.context.expiry.remove(self.disconnect)
        connection, self.connection = self.connection, None
        if connection is not None:
            self.context.connections.remove(connection)
            self.context.hub.remove_client(connection)
