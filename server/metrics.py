"""The counters and gauges that `/metrics` shows."""

from __future__ import annotations

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from server.flusher import now
from server.hub.hub import Hub


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self, hub: Hub) -> None:
        registry = self._registry = CollectorRegistry()
        self.posts = Counter(
            "viewstream_posts",
            "POSTs of deltas, by outcome",
            ["view", "outcome"],
            registry=registry,
        )
        self.base_reads = Counter(
            "viewstream_base_reads", "Bases read from the engine", ["view"], registry=registry
        )
        self.connections = Counter(
            "viewstream_connections",
            "Streams opened: websockets and server-sent events",
            registry=registry,
        )
        self.closes = Counter(
            "viewstream_closes",
            "Streams closed, by close code; 4000: a client found a gap, 4001: a wrong checksum",
            ["code"],
            registry=registry,
        )
        self.refusals = Counter(
            "viewstream_refusals", "Requests refused, by status", ["status"], registry=registry
        )
        clients = Gauge("viewstream_clients", "Streams that are open", registry=registry)
        clients.set_function(lambda: len(hub.clients))
        blocked = Gauge(
            "viewstream_clients_stalled", "Streams that cannot be written to", registry=registry
        )
        blocked.set_function(lambda: hub.blocked)
        self._hub = hub
        self._log_bytes = Gauge(
            "viewstream_log_bytes", "Bytes of deltas in the log", ["view"], registry=registry
        )
        self._mismatches = Gauge(
            "viewstream_audit_mismatches",
            "Bases whose rows were not those that the log amounts to",
            ["view"],
            registry=registry,
        )
        for name in hub.names:
            self.add_view(name)

    def add_view(self, name: str) -> None:
        """Show the gauges of one more view."""
        self._log_bytes.labels(name).set_function(partial(_log_bytes, self._hub, name))
        self._mismatches.labels(name).set_function(partial(_mismatches, self._hub, name))

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)


def _log_bytes(hub: Hub, name: str) -> int:
    return hub.report(name, now()).log_bytes


def _mismatches(hub: Hub, name: str) -> int:
    return hub.report(name, now()).audit_mismatches
