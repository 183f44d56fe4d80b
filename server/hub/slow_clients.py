"""Every rule for clients that do not take what is sent.

1. A client whose `send` took less than all is *blocked*: it is live nowhere and is sent nothing, so
   it delays nobody and messages do not queue up for it.
2. Of a message that was begun, the rest is kept (`keep_rest`): half a frame must be completed. Of
   one that was not, nothing is kept. The kept bytes are the client's backlog; a message that many
   clients wait for is one object, and counts once.
3. When the socket drains (`on_drained`), every listener catches up by the rule for all that come
   back: one merged delta, or a base.
4. Stall limit: a blocked client that takes less than `PROGRESS_BYTES` in `stall_after` is closed.
5. Byte budget: above `backlog_bytes` over all clients, those that cost most each are closed.
6. Base budget: of one view, `bases_in_flight` different bases may be on their way; the clients
   with the oldest one are closed. The log is not trimmed above a base that is on its way.
7. A blocked client may send `MAX_PINGS` pings, whose answers have to be kept.

A client closed by these rules sees the close code `TOO_SLOW`, if it ever reads again.
"""

from __future__ import annotations

from server.hub.engine_answer import ReadBase
from server.hub.limits import Limits
from server.hub.listener import Client, Feed

TOO_SLOW = 4008
"""The close code for clients that do not take what is sent."""
PROGRESS_BYTES = 256 << 10
"""A blocked client makes progress when it has taken so many bytes, or all that is kept for it."""
MAX_PINGS = 1000
"""Pings that are answered while a client is blocked."""


class SlowClients:
    """The backlogs of all blocked clients, and the limits that disconnect some of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._backlog = Backlog()
        self.blocked: set[Client] = set()
        """All clients that cannot be written to."""
        self._bases: dict[Client, tuple[Feed, ReadBase]] = {}

    @property
    def backlog_size(self) -> int:
        return self._backlog.size

    def on_short_send(
        self, client: Client, data: bytes, sent: int, base: tuple[Feed, ReadBase] | None = None
    ) -> bool:
        """Note that a client took only `sent` bytes of `data`; return whether the rest will follow.

        `base` is the base that `data` is, if it is one.
        """
        if not client.keep_rest(data, sent):
            return False
        self._backlog.add(client, data)
        if base is not None:
            self._bases[client] = base
        return True

    def forget(self, client: Client) -> None:
        """Drop what is noted of a client that drained or disconnected."""
        self.blocked.discard(client)
        self._backlog.remove(client)
        self._bases.pop(client, None)

    def bases_on_their_way(self, feed: Feed) -> list[ReadBase]:
        """The bases of one view that blocked clients are taking, oldest first."""
        found = (base for of, base in self._bases.values() if of.history is feed.history)
        return list(dict.fromkeys(found))

    def close_for_bases(self, feed: Feed) -> None:
        """Apply the base budget."""
        bases = self.bases_on_their_way(feed)
        if len(bases) > self._limits.bases_in_flight:
            oldest = bases[0]
            for client in [one for one, (_, base) in self._bases.items() if base is oldest]:
                client.close(TOO_SLOW, "too slow to take a base")

    def close_for_bytes(self) -> None:
        """Apply the byte budget."""
        for client in self._backlog.excess(self._limits.backlog_bytes):
            limit = self._limits.backlog_bytes >> 20
            client.close(TOO_SLOW, f"the send backlog of all slow clients exceeds {limit} MiB")

    def close_stalled(self, now: int) -> None:
        """Apply the stall limit."""
        limit = self._limits.stall_after
        stalled = [
            client
            for client in self.blocked
            if client.progress_at is not None and now - client.progress_at > limit
        ]
        for client in stalled:
            client.close(TOO_SLOW, f"nothing was taken for {limit / 1000:g} s")


class Backlog:
    """Counts the messages that wait for slow clients: each once, however many clients share it."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes of the messages."""
        self._data: dict[Client, bytes] = {}
        self._waiting: dict[int, set[Client]] = {}

    def add(self, client: Client, data: bytes) -> None:
        """Note that the rest of `data` waits for the client, for which nothing waited so far."""
        self._data[client] = data
        waiting = self._waiting.setdefault(id(data), set())
        if not waiting:
            self.size += len(data)
        waiting.add(client)

    def remove(self, client: Client) -> None:
        """Note that nothing waits for the client any more."""
        data = self._data.pop(client, None)
        if data is not None:
            waiting = self._waiting[id(data)]
            waiting.discard(client)
            if not waiting:
                del self._waiting[id(data)]
                self.size -= len(data)

    def excess(self, max_bytes: int) -> list[Client]:
        """Choose clients to disconnect to get to `max_bytes`: most bytes each, then slowest."""
        if self.size <= max_bytes:
            return []
        chosen: list[Client] = []
        size, seen = self.size, set[int]()
        # Sorting is stable, and the client that came first has taken longest.
        for data in sorted(self._data.values(), key=self._cost_per_client, reverse=True):
            if size <= max_bytes:
                break
            if id(data) not in seen:
                seen.add(id(data))
                chosen += self._waiting[id(data)]
                size -= len(data)
        return chosen

    def _cost_per_client(self, data: bytes) -> float:
        return len(data) / len(self._waiting[id(data)])
