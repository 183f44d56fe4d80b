"""Writes the same bytes to everybody who stands at the same place.

Clients that are live in the same views and take the same encoding form a group; what these views
have to say is joined once a group and sent with one `send` a client. Nothing is kept for
a client that cannot be written to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from server.framing import Message
from server.hub.client import Client, Listener, Send
from server.hub.held import Held

if TYPE_CHECKING:
    from server.hub.view import View

_Key: TypeAlias = tuple[frozenset["View"], bool]


class Group:
    """Clients that are live in the very same `views`."""

    __slots__ = ("deflates", "key", "sends", "views")

    def __init__(self, key: _Key) -> None:
        self.key = key
        self.views, self.deflates = key
        self.sends: dict[Client, Send] = {}

    def joined(self, dirty: set[View]) -> bytes:
        """All that its views among `dirty` have to say, view by view."""
        messages = [
            message.for_client(deflates=self.deflates)
            for view in sorted(self.views & dirty, key=lambda view: view.name)
            for message in view.pending
        ]
        return messages[0] if len(messages) == 1 else b"".join(messages)

    def write(self, data: bytes) -> list[tuple[Client, int]]:
        """Send `data` to all; return those that took less, with how much they took."""
        size = len(data)
        short: list[tuple[Client, int]] = []
        sends = iter(self.sends.items())
        while True:
            # The try stands outside the inner loop: a client that is ready costs one send.
            try:
                for client, send in sends:
                    sent = send(data)
                    if sent != size:
                        short.append((client, sent))
            except BlockingIOError:
                short.append((client, 0))
            except OSError:
                short.append((client, -1))
            else:
                return short


class Fanout:
    def __init__(self) -> None:
        self._groups: dict[_Key, Group] = {}
        self.held = Held()

    def write(self, client: Client, message: Message) -> bool:
        """Write to one client that is ready; False if it is as if it had not been written.

        Either way it may not be ready any more afterwards.
        """
        data = message.for_client(deflates=client.deflates)
        try:
            sent = client.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = -1
        if sent == len(data):
            return True
        self.block(client)
        return self._hold(client, data, sent)

    def join(self, listener: Listener) -> None:
        """The listener stands where its view was last flushed: it is live from now on."""
        listener.is_live = True
        self._place(listener.client)

    def leave(self, listener: Listener) -> None:
        """It is not live any more, and stands where its view was last flushed."""
        if listener.is_live:
            listener.is_live = False
            listener.frontier = listener.view.flushed
            self._place(listener.client)

    def block(self, client: Client) -> None:
        """The client cannot be written to: it is live nowhere."""
        client.is_ready = False
        for listener in client.listeners.values():
            if listener.is_live:
                listener.is_live = False
                listener.frontier = listener.view.flushed
        self._place(client)

    def flush(self, views: Iterable[View]) -> None:
        """Send what is pending in `views` to all who are live there."""
        dirty = set(views)
        for group in [group for group in self._groups.values() if group.views & dirty]:
            data = group.joined(dirty)
            for client, sent in group.write(data):
                listeners = [
                    one for one in client.listeners.values() if one.is_live and one.view in dirty
                ]
                self.block(client)
                if self._hold(client, data, sent):
                    for listener in listeners:
                        listener.frontier = listener.view.history.head

    def _hold(self, client: Client, data: bytes, sent: int) -> bool:
        if not client.hold(data, sent):
            return False
        self.held.add(client, data)
        return True

    def _place(self, client: Client) -> None:
        """Put the client into the group of the views in which it is live."""
        views = frozenset(one.view for one in client.listeners.values() if one.is_live)
        if client.group is not None:
            if client.group.views == views:
                return
            del client.group.sends[client]
            if not client.group.sends:
                del self._groups[client.group.key]
            client.group = None
        if views:
            key = (views, client.deflates)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = Group(key)
            group.sends[client] = client.send
            client.group = group
