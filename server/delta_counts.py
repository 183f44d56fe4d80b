"""Counts posts in plain numbers, which are read when Prometheus asks, and measures lags of sends.

A counter of prometheus_client has a lock and objects of its own for each label: it takes longer to
count a post by them than to append its delta to the log.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from prometheus_client import Histogram, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from server.hub.post_check import Outcome
from server.hub.tallies import label_of
from viewstream.protocol import MAX_TIME

LAGS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class DeltaCounts(Collector):
    """The posts of deltas by outcome, the bytes of their bodies, and the lags of their sends."""

    def __init__(self) -> None:
        self.received_bytes = 0
        self.posts: Counter[tuple[str, Outcome]] = Counter()
        self._lag = Histogram(
            "viewstream_lag_seconds",
            "From the engine's time of a delta to its send",
            ["view"],
            buckets=LAGS,
            registry=None,
        )

    def on_sent(self, view: str, frontier: int) -> None:
        """Observe the lag of a delta up to `frontier`, which has just been sent."""
        if frontier < MAX_TIME:
            lag = max(time.time() - frontier / 1000, 0.0)
            self._lag.labels(label_of(view)).observe(lag)

    def collect(self) -> Iterator[Metric]:
        posts = CounterMetricFamily(
            "viewstream_posts", "POSTs of deltas, by outcome", labels=["view", "outcome"]
        )
        for (view, outcome), count in self.posts.items():
            posts.add_metric([view, outcome.name.lower()], count)
        yield posts
        yield CounterMetricFamily(
            "viewstream_received_bytes", "Bytes of the bodies of POSTs", value=self.received_bytes
        )
        yield from self._lag.collect()
