"""What a client of /view/stream asks for, whether by a websocket or by server-sent events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from server.http.refusal import Refusal, refuse_view
from viewstream.protocol import Position, ProtocolError, parse_position

MAX_VIEWS = 1000
"""Views that one client may ask for, also those that are not served."""


@dataclass(frozen=True)
class Subscription:
    """The views of a client, each with the position from which it resumes."""

    wanted: dict[str, Position | None]
    refused: dict[str, str]
    """Views that are not served, each with a sentence."""


def parse_subscription(
    arguments: Sequence[str], served: Collection[str], last_event_id: str | None = None
) -> Subscription | Refusal:
    """Parse the `view=` arguments; refuse them if they are malformed or none is served.

    The positions of `last_event_id` replace those of the arguments.
    """
    try:
        asked = parse_views(arguments, served)
        if last_event_id:
            positions = parse_event_id(last_event_id)
            asked = {name: positions.get(name) for name in asked}
    except ProtocolError as error:
        return Refusal(400, str(error))
    refused = {name: refuse_view(name, served).sentence for name in asked if name not in served}
    if len(refused) == len(asked):
        return refuse_view(next(iter(asked)), served)
    return Subscription({n: p for n, p in asked.items() if n not in refused}, refused)


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


def parse_event_id(text: str) -> dict[str, Position]:
    """Parse an event's id: NAME@EPOCH:FRONTIER for each view, names percent-encoded."""
    positions = {}
    for part in text.split():
        name, _, position = part.rpartition("@")
        positions[unquote(name)] = parse_position(position)
    return positions
