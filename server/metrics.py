"""What `/metrics` shows."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from server.flusher import now
from server.hub.hub import Hub


class Metrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.posts = Counter(
            "viewstream_posts",
            "POSTs, by what became of them",
            ["view", "outcome"],
            registry=registry,
        )
        self.base_reads = Counter(
            "viewstream_base_reads", "Bases read from the engine", ["view"], registry=registry
        )
        self.connections = Counter("viewstream_connections", "Websockets opened", registry=registry)
        self.closes = Counter(
            "viewstream_closes",
            "Websockets closed, by close code; 4000: a client found a gap, 4001: a wrong checksum",
            ["code"],
            registry=registry,
        )
        self.refusals = Counter(
            "viewstream_refusals", "Requests refused, by status", ["status"], registry=registry
        )
        self._clients = Gauge("viewstream_clients", "Websockets that are open", registry=registry)
        self._stalled = Gauge(
            "viewstream_clients_stalled", "Websockets that cannot be written to", registry=registry
        )
        self._log_bytes = Gauge(
            "viewstream_log_bytes", "Bytes of deltas kept", ["view"], registry=registry
        )
        self._mismatches = Gauge(
            "viewstream_audit_mismatches",
            "Bases whose rows were not what the log came to",
            ["view"],
            registry=registry,
        )

    def watch(self, hub: Hub) -> None:
        """Read the gauges from the hub whenever they are asked for."""
        self._clients.set_function(lambda: len(hub.clients))
        self._stalled.set_function(lambda: hub.blocked)
        for name in hub.names:
            self._watch_view(hub, name)

    def _watch_view(self, hub: Hub, name: str) -> None:
        self._log_bytes.labels(name).set_function(lambda: hub.report(name, now()).log_bytes)
        self._mismatches.labels(name).set_function(lambda: hub.report(name, now()).audit_mismatches)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
