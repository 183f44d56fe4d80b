"""A client's request for /view/stream, by a websocket or by server-sent events."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from server.access.access import Access
from server.access.address_limits import HINT, AddressLimits
from server.access.grant import ALL, Grant
from server.access.refusal import Refusal, Served, parse_asked, refuse_view
from server.flusher import now
from server.framing import parse_event_id
from server.hub.hub import Hub
from server.wire.handshake import HEADS, StreamRequest
from viewstream.names import ViewName
from viewstream.protocol import Position, ProtocolError, parse_position

MAX_VIEWS = 1000
"""Views that one client may ask for, also those that are not served."""
SHARES = 4
"""One client, and one address, may have this fraction of the parts that can be open."""


_NUMBER = re.compile("[0-9]{1,9}")


class Subscription(NamedTuple):
    """The views of a client, each with the position from which it resumes."""

    wanted: Mapping[str, Position | None]
    refused: Mapping[str, Refusal]
    """Views that are not served or not granted, each with a refusal."""
    parts: Sequence[ViewName] = ()
    """Those of the `wanted` that are parts of views."""
    grant: Grant = ALL
    takes_weights: bool = False
    """Whether it takes bases with weights (`weights=1`)."""
    network: str = ""
    """The client's, for the limits by address."""
    every: int = 0
    """Milliseconds that the client wants between two deltas (`every=`)."""


def parse_subscription(
    arguments: Sequence[str],
    served: Served,
    grant: Grant,
    last_event_id: str | None = None,
    *,
    takes_weights: bool = False,
    every: str = "0",
) -> Subscription | Refusal:
    """Parse the `view=` arguments; refuse them if they are malformed, or none may be read.

    The positions of `last_event_id` replace those of the arguments.
    """
    if not _NUMBER.fullmatch(every):
        return Refusal(400, f"expected every=MILLISECONDS, found {every!r}")
    try:
        wanted = parse_views(arguments, served)
        if last_event_id:
            positions = parse_event_id(last_event_id)
            wanted = {name: positions.get(str(name)) for name in wanted}
    except ProtocolError as error:
        return Refusal(400, str(error))
    refusals = {name: refuse_view(name, served, grant) for name in wanted}
    refused = {str(name): one for name, one in refusals.items() if one is not None}
    if len(refused) == len(wanted):
        return next(iter(refused.values()))
    granted = {name: at for name, at in wanted.items() if refusals[name] is None}
    return Subscription(
        {str(name): at for name, at in granted.items()},
        refused,
        [name for name in granted if name.part is not None],
        grant,
        takes_weights,
        every=int(every),
    )


def parse_views(arguments: Sequence[str], served: Served) -> dict[ViewName, Position | None]:
    """Parse each `NAME` or `NAME@EPOCH:FRONTIER`; raises ProtocolError.

    A name may contain an @: an argument that is served is a name as a whole, and so is one that
    ends like a part; in any other the last @ counts. (No view whose name ends like a position is
    served.)
    """
    if not arguments:
        raise ProtocolError("expected at least one view: /view/stream?view=NAME")
    if len(arguments) > MAX_VIEWS:
        raise ProtocolError(f"expected at most {MAX_VIEWS} views, found {len(arguments)}")
    wanted: dict[ViewName, Position | None] = {}
    names = served.names
    for argument in arguments:
        text, at, position = argument.rpartition("@")
        if argument in names or argument.endswith("]") or not at:
            text, at = argument, ""
        name = parse_asked(text, served)
        if name in wanted:
            raise ProtocolError(f"expected the view {str(name)!r} once")
        wanted[name] = parse_position(position) if at else None
    return wanted


class Admission:
    """Decides which streams, and parts of views, a server opens for a client."""

    def __init__(self, access: Access, limits: AddressLimits, hub: Hub, max_clients: int) -> None:
        self._access = access
        self._limits = limits
        self._hub = hub
        self._max_clients = max_clients
        # Requests that are one object get one decision: neither access rules nor views ever go.
        self._refuse_site = lru_cache(HEADS)(self._refuse_site_of)
        self._find_whole = lru_cache(HEADS)(self._find_whole_of)

    def decide(self, request: StreamRequest, peer: str) -> Subscription | Refusal:
        """Decide about a request that came from the peer's address."""
        headers = request.headers
        network = self._limits.client_network(peer, headers)
        refusal = self._limits.refuse(network, now()) or self._refuse_site(request)
        if refusal is not None:
            return refusal
        grant = self._access.find_grant(headers, time.time())
        if isinstance(grant, Refusal):
            return grant
        found = self._find_whole(request, len(self._hub.names)) if grant is ALL else None
        if found is None:
            found = self._find(request, grant)
        if isinstance(found, Refusal):
            return found
        if len(self._hub.clients) >= self._max_clients:
            return Refusal(
                503, f"there are {self._max_clients} clients already, which is the limit", "full"
            )
        refusal = self.open_parts(found.parts, network) if found.parts else None
        return refusal or found._replace(network=network)

    def _refuse_site_of(self, request: StreamRequest) -> Refusal | None:
        headers = request.headers
        return self._access.refuse_host(headers) or self._access.refuse_origin(headers)

    def _find_whole_of(self, request: StreamRequest, served: int) -> Subscription | Refusal | None:
        """Find whole views that everybody may read, while `served` are; None if parts are asked."""
        if any("[" in argument for argument in request.arguments.get("view", ())):
            return None
        return self._find(request, ALL)

    def _find(self, request: StreamRequest, grant: Grant) -> Subscription | Refusal:
        headers, arguments = request.headers, request.arguments
        return parse_subscription(
            arguments.get("view", ()),
            self._hub,
            grant,
            None if "Upgrade" in headers else headers.get("Last-Event-Id"),
            takes_weights=arguments.get("weights") == ["1"],
            every=arguments.get("every", ("0",))[-1],
        )

    def open_parts(self, names: Iterable[ViewName], network: str) -> Refusal | None:
        """Open the parts among `names`, which are served; refuse if these are too many."""
        hub, at = self._hub, now()
        parts = [name for name in names if name.part is not None]
        if not parts:
            return None
        share = max(1, hub.max_parts // SHARES)
        if len(parts) > share:
            expected = f"expected at most {share} parts of views, a quarter of --max-parts"
            return Refusal(400, f"{expected}, found {len(parts)}")
        is_limited = self._limits.is_limited(network)
        if is_limited and not hub.make_room_for_parts(parts, at, network, share):
            sentence = f"{network} has {share} parts of views, a quarter of --max-parts"
            return Refusal(429, f"{sentence}; {HINT}", "parts_of_address")
        if hub.open_parts(parts, at, network):
            return None
        sentence = f"there are {hub.max_parts} parts of views already, which is the limit"
        return Refusal(503, f"{sentence} (--max-parts)", "parts")
