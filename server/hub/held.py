"""What is held back for clients whose sockets took only a part of it."""

from __future__ import annotations

from server.hub.client import Client


class Held:
    """Counts the bytes once, however many clients share them."""

    def __init__(self) -> None:
        self.size = 0
        self._data: dict[Client, bytes] = {}
        self._holders: dict[int, set[Client]] = {}

    def add(self, client: Client, data: bytes) -> None:
        """Some of `data` waits for the client; nothing did until now."""
        self._data[client] = data
        holders = self._holders.setdefault(id(data), set())
        if not holders:
            self.size += len(data)
        holders.add(client)

    def remove(self, client: Client) -> None:
        """The client took it, or is gone; if anything waited for it."""
        data = self._data.pop(client, None)
        if data is not None:
            holders = self._holders[id(data)]
            holders.discard(client)
            if not holders:
                del self._holders[id(data)]
                self.size -= len(data)

    def excess(self, max_bytes: int) -> list[Client]:
        """Whom to let go of to come below `max_bytes`: those who cost most each, slowest first."""
        if self.size <= max_bytes:
            return []
        chosen: list[Client] = []
        size, seen = self.size, set[int]()
        # Sorting is stable, and who came first has taken longest.
        for data in sorted(self._data.values(), key=self._cost_of, reverse=True):
            if size <= max_bytes:
                break
            if id(data) not in seen:
                seen.add(id(data))
                chosen += self._holders[id(data)]
                size -= len(data)
        return chosen

    def _cost_of(self, data: bytes) -> float:
        return len(data) / len(self._holders[id(data)])
