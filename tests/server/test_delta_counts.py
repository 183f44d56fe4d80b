"""Counts of deltas, as Prometheus gets them."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from server.delta_counts import DeltaCounts
from server.hub.post_check import Outcome
from viewstream.protocol import MAX_TIME


def test_what_happens_to_deltas_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, registry = DeltaCounts(), CollectorRegistry()
    registry.register(counts)
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    counts.received_bytes += 7
    counts.posts["v", Outcome.TAKEN] += 2
    counts.on_sent("v", 999_980)
    counts.on_sent("v[a=b]", 999_500)
    counts.on_sent("v", 2_000_000)
    counts.on_sent("v", MAX_TIME)
    text = generate_latest(registry).decode().splitlines()
    for line in (
        "viewstream_received_bytes_total 7.0",
        'viewstream_posts_total{outcome="taken",view="v"} 2.0',
        'viewstream_lag_seconds_bucket{le="0.01",view="v"} 1.0',
        'viewstream_lag_seconds_bucket{le="0.025",view="v"} 2.0',
        'viewstream_lag_seconds_bucket{le="+Inf",view="v"} 3.0',
        'viewstream_lag_seconds_count{view="v"} 3.0',
    ):
        assert line in text
    sum_ = registry.get_sample_value("viewstream_lag_seconds_sum", {"view": "v"})
    assert sum_ == pytest.approx(0.02 + 0.5)
