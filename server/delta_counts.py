"""Counts what happens with each delta, in plain numbers that are read when Prometheus asks.

A counter of prometheus_client has a lock and objects of its own for each label: it takes longer to
count a delta by them than to append it to the log.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from server.hub.post_check import Outcome
from server.hub.tallies import label_of
from viewstream.protocol import MAX_TIME

LAGS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BOUNDS = [*map(floatToGoString, LAGS), "+Inf"]


class Lags:
    """A histogram of seconds."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        """How many were in each bucket, and in none before it."""
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(LAGS, seconds)] += 1
        self.sum += seconds

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """How many were at most each bound, as Prometheus counts."""
        return list(zip(_BOUNDS, map(float, accumulate(self.counts)), strict=True))


class DeltaCounts(Collector):
    """The posts of deltas by outcome, the bytes of their bodies, and the lags of their sends."""

    def __init__(self) -> None:
        self.received_bytes = 0
        self.posts: Counter[tuple[str, Outcome]] = Counter()
        self._lags: dict[str, Lags] = {}

    def on_sent(self, view: str, frontier: int) -> None:
        """Observe the lag of a delta up to `frontier`, which has just been sent."""
        if frontier < MAX_TIME:
            found = self._lags.get(view)
            if found is None:
                found = self._lags.setdefault(label_of(view), Lags())
            found.observe(max(time.time() - frontier / 1000, 0.0))

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
        lags = HistogramMetricFamily(
            "viewstream_lag_seconds",
            "From the engine's time of a delta to its send",
            labels=["view"],
        )
        for view, one in self._lags.items():
            lags.add_metric([view], one.buckets, one.sum)
        yield lags
