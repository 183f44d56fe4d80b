"""Runs the server: `python -m server VIEW [VIEW ..]`."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import signal
import sys
from collections.abc import Sequence

from server.app import Bounds, CertificateError, Server
from server.http.acceptor import SPARE_DESCRIPTORS, fit_descriptors, raise_descriptor_limit
from server.options import MAX_CLIENTS, Options, parse

FEW_CLIENTS = 1_000
"""A limit below this is worth a warning even if `--max-clients` was not given."""


def main(words: Sequence[str] | None = None, bounds: Bounds | None = None) -> int:
    """Run a server until a signal ends it; `bounds` are for tests."""
    options = parse(sys.argv[1:] if words is None else words)
    logging.basicConfig(format="server: %(message)s", level=logging.INFO, stream=sys.stderr)
    # Tornado's logs report each misbehaving client; /metrics counts them.
    logging.getLogger("tornado").setLevel(logging.ERROR)
    return asyncio.run(_run(*_fit_system(options, bounds or Bounds())))


def _fit_system(options: Options, bounds: Bounds) -> tuple[Options, Bounds]:
    """Reduce the limits of connections to what the limit of open files allows, with a warning."""
    wanted = options.max_clients or MAX_CLIENTS
    needed = wanted + bounds.max_requests + bounds.engine_connections + SPARE_DESCRIPTORS
    limit = raise_descriptor_limit(needed)
    available = limit - bounds.engine_connections
    clients, requests = fit_descriptors(wanted, bounds.max_requests, available)
    if clients < wanted and (options.max_clients is not None or clients < FEW_CLIENTS):
        logging.getLogger("server").warning(
            "this system allows %d open files (ulimit -n): "
            "at most %d clients instead of %d, and %d other connections",
            limit,
            clients,
            wanted,
            requests,
        )
    return (
        dataclasses.replace(options, max_clients=clients),
        dataclasses.replace(bounds, max_requests=requests),
    )


async def _run(options: Options, bounds: Bounds) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        server = Server(options, bounds)
    except CertificateError as error:
        print(f"server: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except OSError as error:
        host, port = options.listen
        print(f"server: cannot listen on {host}:{port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    _collect_garbage_rarely()
    print(f"server: listening on {server.url}", file=sys.stderr, flush=True)  # noqa: T201
    # A server without one of its tasks would look alive: end, so that a supervisor restarts it.
    failure = asyncio.create_task(server.wait_for_failure())
    end = asyncio.create_task(ended.wait())
    await asyncio.wait([failure, end], return_when=asyncio.FIRST_COMPLETED)
    if failure.done():
        logging.getLogger("server").error("ending: a task failed", exc_info=failure.exception())
    failure.cancel()
    await server.stop()
    return 1 if failure.done() and not failure.cancelled() else 0


def _collect_garbage_rarely() -> None:
    """Run the cyclic GC rarely: a full collection visits every object of every client.

    Clients and deltas leave no reference cycles, except where an error was raised. The threshold
    is above the rows of a body of 1 MiB, which are allocated and freed at once.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


if __name__ == "__main__":
    sys.exit(main())
