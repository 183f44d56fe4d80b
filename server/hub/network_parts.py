"""Counts the open parts of each network of clients, so that none can have them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set


class NetworkParts:
    """The open parts of each network, all by name.

    A part counts for each network whose clients follow it, and without clients for the network
    that opened it last, or whose client was the last to leave: until it is closed.
    """

    def __init__(self) -> None:
        self._parts: dict[str, set[str]] = {}
        self._clients: dict[str, Counter[str]] = {}
        """How many clients of each network follow a part, by part."""
        self._idle: dict[str, str] = {}
        """The network for which a part without clients counts, by part."""

    def parts_of(self, network: str) -> Set[str]:
        """Return the parts that count for a network."""
        return self._parts.get(network, frozenset())

    def on_opened(self, part: str, network: str) -> None:
        """A part was opened for a client that may be coming."""
        if part not in self._clients:
            self._forget_idle(part)
            self._idle[part] = network
            self._add(part, network)

    def on_subscribed(self, part: str, network: str) -> None:
        self._forget_idle(part)
        self._clients.setdefault(part, Counter())[network] += 1
        self._add(part, network)

    def on_unsubscribed(self, part: str, network: str) -> None:
        clients = self._clients[part]
        clients[network] -= 1
        if clients[network]:
            return
        del clients[network]
        if clients:
            self._remove(part, network)
        else:
            del self._clients[part]
            self._idle[part] = network

    def on_closed(self, part: str) -> None:
        assert part not in self._clients
        self._forget_idle(part)

    def _forget_idle(self, part: str) -> None:
        network = self._idle.pop(part, None)
        if network is not None:
            self._remove(part, network)

    def _add(self, part: str, network: str) -> None:
        self._parts.setdefault(network, set()).add(part)

    def _remove(self, part: str, network: str) -> None:
        parts = self._parts[network]
        parts.discard(part)
        if not parts:
            del self._parts[network]
