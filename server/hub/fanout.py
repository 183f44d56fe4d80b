"""Moves listeners between states, and writes the same bytes to all that are at the same place.

Clients that are live in the same views and take the same encoding form a group. What is pending in
these views is joined once for the group and sent with one `send` a client.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence, Set
from typing import NamedTuple

from server.framing import Encoding, Message, encode_event_id, join_small
from server.hub.engine_answer import ReadBase
from server.hub.limits import Limits
from server.hub.listener import Client, Feed, Group, GroupKey, Listener, Pending
from server.hub.slow_clients import SlowClients
from server.hub.states import TRANSITIONS, Action, Event, State
from server.hub.tallies import Tallies
from viewstream.protocol import Position


class Piece(NamedTuple):
    """Bytes to send at once, and the frontier after them, if they are more than a status."""

    data: bytes
    upper: int | None


class ServeQueue:
    """Listeners to which something may be sent, each once, in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: OrderedDict[Listener, None] = OrderedDict()
        self._counts: Counter[Feed] = Counter()

    def __contains__(self, listener: Listener) -> bool:
        return listener in self._listeners

    def __len__(self) -> int:
        return len(self._listeners)

    def count(self, feed: Feed) -> int:
        """How many listeners of that view wait."""
        return self._counts[feed]

    def add(self, listener: Listener) -> None:
        if listener not in self._listeners:
            self._listeners[listener] = None
            self._counts[listener.feed] += 1

    def pop(self) -> Listener:
        listener, _ = self._listeners.popitem(last=False)
        self._counts[listener.feed] -= 1
        return listener


class Fanout:
    """All groups, the queue of listeners to serve, and the slow clients."""

    def __init__(self, limits: Limits) -> None:
        self._groups: dict[GroupKey, Group] = {}
        self.queue = ServeQueue()
        self.slow = SlowClients(limits)
        self.tallies = Tallies()

    # --- states ------------------------------------------------------------------------------

    def move(self, listener: Listener, event: Event) -> None:
        """Apply the table of transitions to a listener, and follow its action."""
        before = listener.state
        self._apply(listener, event)
        client = listener.client
        if State.LIVE in (before, listener.state) or client.encoding is Encoding.EVENTS:
            self._regroup(client)

    def block(self, client: Client) -> None:
        """Take a client that cannot be written to out of its group."""
        client.is_ready = False
        self.slow.blocked.add(client)
        for listener in client.listeners.values():
            if listener.is_live:
                self._apply(listener, Event.BLOCKED)
        self._regroup(client)

    def _apply(self, listener: Listener, event: Event) -> None:
        before, feed = listener.state, listener.feed
        listener.state, action = TRANSITIONS[before, event]
        if before is State.LIVE:
            listener.frontier = feed.flushed
        elif before is State.AHEAD:
            feed.ahead.pop(listener, None)
        elif listener.state is State.AHEAD:
            feed.ahead[listener] = None
        if action is Action.AWAIT_LATER_BASE:
            listener.barrier = listener.asked
        if action in (Action.AWAIT_BASE, Action.AWAIT_LATER_BASE):
            listener.asked = feed.history.epochs.asked
        if action is not Action.NOTHING:
            self.queue.add(listener)

    def _regroup(self, client: Client) -> None:
        """Put the client into the group of the feeds in which it is live."""
        feeds = frozenset(
            [one.feed for one in client.listeners.values() if one.state is State.LIVE]
        )
        others = _others(client) if client.encoding is Encoding.EVENTS else ()
        key = GroupKey(feeds, client.encoding, others)
        if client.group is not None:
            if client.group.key == key:
                return
            client.group.remove(client)
            if not client.group:
                del self._groups[client.group.key]
            client.group = None
        if feeds:
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group(key)
            group.add(client)
            client.group = group

    # --- writing -----------------------------------------------------------------------------

    def write(self, client: Client, message: Message) -> bool:
        """Write a message that moves no listener to a client that is ready.

        Returns whether the client gets it. It may be blocked afterwards.
        """
        positions = client.positions if client.encoding is Encoding.EVENTS else {}
        event_id = encode_event_id(positions.items())
        return self._send(client, message.encoded(client.encoding, event_id))

    def write_to(
        self, listener: Listener, messages: Sequence[Pending], base: ReadBase | None = None
    ) -> int | None:
        """Write messages to a listener whose client is ready: in one send those that are small.

        Returns where the listener is then; None if the client gets nothing. It may be blocked
        afterwards. `base` is the first message if that is one: a base that is taken slowly counts
        for the base budget.
        """
        return self.write_pieces(listener, self.encode_for(listener, messages), base)

    def write_pieces(
        self, listener: Listener, pieces: Sequence[Piece], base: ReadBase | None = None
    ) -> int | None:
        """Write what `encode_for` returned for a listener of the same encoding; as `write_to`."""
        client, reached = listener.client, None
        on_its_way = None if base is None else (listener.feed, base)
        for data, upper in pieces:
            if self._send(client, data, on_its_way) and upper is not None:
                reached = upper
            if not client.is_ready:
                break
            on_its_way = None
        return reached

    def encode_for(self, listener: Listener, messages: Sequence[Pending]) -> list[Piece]:
        """Encode messages for the listener's client: those that are small as one piece."""
        pieces, begin = [], 0
        for count, data in join_small(self._encode_each(listener, messages)):
            uppers = [upper for _, upper in messages[begin : begin + count] if upper is not None]
            pieces.append(Piece(data, uppers[-1] if uppers else None))
            begin += count
        return pieces

    def _encode_each(self, listener: Listener, messages: Sequence[Pending]) -> list[bytes]:
        encoding, feed = listener.client.encoding, listener.feed
        if encoding is not Encoding.EVENTS:
            return [message.encoded(encoding) for message, _ in messages]
        positions = listener.client.positions
        parts = []
        for message, upper in messages:
            if upper is not None:
                positions[feed.name] = feed.position(upper)
            parts.append(message.encoded(encoding, encode_event_id(positions.items())))
        return parts

    def _send(self, client: Client, data: bytes, base: tuple[Feed, ReadBase] | None = None) -> bool:
        """Send to one client; return False if it gets nothing of `data`."""
        try:
            sent = client.sender.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = -1
        if sent == len(data):
            self.tallies.sent_bytes += sent
            return True
        self.block(client)
        is_kept = self.slow.on_short_send(client, data, sent, base)
        if is_kept:
            self.tallies.sent_bytes += len(data)
        return is_kept

    def send_pending(self, dirty: Set[Feed]) -> None:
        """Send what is pending in feeds to all that are live there."""
        groups = self._groups.values()
        for group in [group for group in groups if not dirty.isdisjoint(group.key.feeds)]:
            data = group.encode_pending(dirty)
            self.tallies.sent_bytes += len(data) * len(group)
            for client, sent in group.send_all(data):
                listeners = [
                    one for one in client.listeners.values() if one.is_live and one.feed in dirty
                ]
                self.block(client)
                if self.slow.on_short_send(client, data, sent):
                    for listener in listeners:
                        listener.frontier = listener.feed.history.head
                else:
                    self.tallies.sent_bytes -= len(data)
                    for listener in listeners:
                        if listener.feed.has_status:
                            listener.feed.without_status.add(listener)


def _others(client: Client) -> tuple[tuple[str, Position], ...]:
    """Positions that an event stream's ids have to name for listeners that are not live."""
    live = {name for name, listener in client.listeners.items() if listener.is_live}
    return tuple((name, at) for name, at in client.positions.items() if name not in live)
