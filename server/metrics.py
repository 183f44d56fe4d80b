"""The metrics that `/metrics` shows: names and labels as Prometheus has them.

Each process has metrics of its own. The values of each label are few and known: parts of a view
count as the view. Where the hub counts by itself, the numbers are read when Prometheus asks.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from server.delta_counts import DeltaCounts
from server.flusher import now
from server.hub.audit import Finding
from server.hub.hub import Hub
from server.hub.tallies import label_of

LOOP_LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
READS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# They would be a gauge beside each counter. The function has no types.
disable_created_metrics()  # type: ignore[no-untyped-call]

PROBE_EVERY = 1.0
"""Seconds between two measurements of the event loop's lag: each wakes an idle process."""
DISCONNECTS = {
    1000: "client_left",
    1001: "going_away",
    1002: "client_sent_bad_frame",
    1003: "client_sent_message",
    1005: "client_left",
    1006: "connection_lost",
    1007: "client_sent_bad_frame",
    1009: "client_sent_message",
    4000: "client_found_gap",
    4001: "client_found_wrong_checksum",
    4008: "client_too_slow",
    4440: "token_ended",
    **dict.fromkeys((4400, 4401, 4403, 4404, 4429, 4503), "refused"),
}
"""The reason of a disconnect by its close code."""

AUDITED = [one for one in Finding if one is not Finding.NOTHING]
RARE_DISCONNECT = 4001
RARE_REFUSAL = (503, "full")
"""Counted from 0 on, as audits and failed reads of bases are: alert rules look for their increase,
and Prometheus sees none where a counter begins with 1."""


class Pool(Protocol):
    """The part of the connections to the engine that is shown."""

    @property
    def idle(self) -> int: ...

    @property
    def busy(self) -> int: ...

    @property
    def waiting(self) -> int: ...


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(HubCollector(hub))
        self.deltas = DeltaCounts()
        registry.register(self.deltas)

        def counter(name: str, help_: str, *labels: str) -> Counter:
            return Counter(f"viewstream_{name}", help_, labels, registry=registry)

        def histogram(name: str, help_: str, buckets: Iterable[float], *labels: str) -> Histogram:
            name = f"viewstream_{name}"
            return Histogram(name, help_, labels, buckets=tuple(buckets), registry=registry)

        self._disconnects = counter(
            "disconnects", "Streams closed, by close code and what it means", "code", "reason"
        )
        self._refusals = counter(
            "refusals", "Requests refused, by status and reason", "status", "reason"
        )
        self._base_reads = counter(
            "base_reads", "Reads of bases from the engine, by result", "view", "result"
        )
        self._base_read_seconds = histogram(
            "base_read_seconds", "Time to read and encode a base", READS, "view"
        )
        self._loop_lag = histogram(
            "event_loop_lag_seconds", "How late the event loop calls what is due", LOOP_LAGS
        )
        Gauge(
            "viewstream_process_info", "The process that answers", ["pid"], registry=registry
        ).labels(os.getpid()).set(1)
        self._disconnects.labels(RARE_DISCONNECT, DISCONNECTS[RARE_DISCONNECT])
        self._refusals.labels(*RARE_REFUSAL)

    def watch_pool(self, pool: Pool) -> None:
        """Show the state of the connections to the engine."""
        name, help_ = "viewstream_engine_connections", "Connections to the engine, by state"
        gauge = Gauge(name, help_, ["state"], registry=self._registry)
        gauge.labels("idle").set_function(lambda: pool.idle)
        gauge.labels("busy").set_function(lambda: pool.busy)
        name, help_ = "viewstream_engine_queries_waiting", "Queries that wait for a connection"
        Gauge(name, help_, registry=self._registry).set_function(lambda: pool.waiting)

    def watch_event_loop(self) -> None:
        """Measure how late the running event loop is, until it ends."""
        loop = asyncio.get_running_loop()

        def probe(due: float) -> None:
            at = loop.time()
            self._loop_lag.observe(max(at - due, 0.0))
            loop.call_at(at + PROBE_EVERY, probe, at + PROBE_EVERY)

        probe(loop.time())

    def on_base_read(self, view: str, seconds: float) -> None:
        self._base_reads.labels(label_of(view), "ok").inc()
        self._base_read_seconds.labels(label_of(view)).observe(seconds)

    def on_base_failed(self, view: str) -> None:
        self._base_reads.labels(label_of(view), "failed").inc()

    def on_disconnected(self, code: int) -> None:
        """Count a close code; a client may send any, so that only known ones are labels."""
        if code in DISCONNECTS:
            self._disconnects.labels(code, DISCONNECTS[code]).inc()
        else:
            self._disconnects.labels("other", "other").inc()

    def on_refused(self, status: int, reason: str) -> None:
        self._refusals.labels(status, reason).inc()

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        for view in self._hub.names:
            self._base_reads.labels(view, "failed")
        return generate_latest(self._registry)


class HubCollector(Collector):
    """Reads what the hub counts."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        hub, tallies = self._hub, self._hub.tallies
        yield from self._of_views()
        resumes = CounterMetricFamily(
            "viewstream_resumes",
            "Clients that came with a position, by what they were sent and why a base",
            labels=["view", "kind", "why"],
        )
        for (view, resume), count in tallies.resumes.items():
            resumes.add_metric([view, *resume.value], count)
        yield resumes
        audits = CounterMetricFamily(
            "viewstream_audits",
            "Bases compared with the log: agrees, disagrees, repair (the log was restarted)",
            labels=["view", "result"],
        )
        for view, finding in product(sorted(hub.names), AUDITED):
            audits.add_metric([view, finding.name.lower()], tallies.audits[view, finding])
        yield audits
        yield CounterMetricFamily(
            "viewstream_connections",
            "Streams opened: websockets and server-sent events",
            value=tallies.clients,
        )
        yield CounterMetricFamily(
            "viewstream_sent_bytes", "Bytes of messages sent to clients", value=tallies.sent_bytes
        )
        yield _gauge("clients", "Streams that are open", len(hub.clients))
        yield _gauge("clients_stalled", "Streams that cannot be written to", hub.blocked)
        yield _gauge(
            "send_backlog_bytes", "Bytes of messages that slow clients take", hub.backlog_bytes
        )

    def _of_views(self) -> Iterator[Metric]:
        hub, at = self._hub, now()
        views = {name: hub.report(name, at) for name in sorted(hub.names)}

        def family(name: str, help_: str, value: Callable[[str], float]) -> Metric:
            found = GaugeMetricFamily(f"viewstream_{name}", help_, labels=["view"])
            for view in views:
                found.add_metric([view], value(view))
            return found

        yield family(
            "listeners", "Subscriptions of clients to the whole view", lambda v: views[v].listeners
        )
        yield family("log_bytes", "Bytes of deltas in the log", lambda v: views[v].log_bytes)
        yield family("parts", "Parts of the view that are open", hub.count_parts)
        yield family(
            "view_live",
            "1 while deltas come and keep up with the engine",
            lambda view: views[view].state == "live",
        )
        yield family(
            "view_ready",
            "1 while a new client gets a base and fresh deltas",
            lambda view: not hub.unready_reasons(view, at),
        )
        yield family(
            "head_timestamp_seconds",
            "The engine's time up to which the log is complete; 0 without a log",
            lambda view: (views[view].head or 0) / 1000,
        )


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(f"viewstream_{name}", help_, value=value)
