"""How many connections the system lets this process have, and what that leaves for whom."""

from __future__ import annotations

import dataclasses
import resource

from server.options import Options

SPARE = 64
"""Descriptors for all else: the loop, the listening sockets, files of the page, libraries."""


def raise_limit(options: Options) -> int:
    """Have as many descriptors as the options need, or else as many as may be had; returns that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _needed(options)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def fit(options: Options, limit: int) -> Options:
    """The options, with as many clients and plain requests as `limit` descriptors have room for.

    Without that, the last clients would not be refused with a sentence, but not be heard at all.
    """
    if _needed(options) <= limit:
        return options
    left = max(limit - SPARE - options.engine_connections, 2)
    requests = min(options.max_requests, left // 4)
    clients = min(options.max_clients, left - requests)
    return dataclasses.replace(options, max_requests=max(requests, 1), max_clients=clients)


def _needed(options: Options) -> int:
    return options.max_clients + options.max_requests + options.engine_connections + SPARE
