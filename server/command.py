"""Runs the server until a signal ends it: the command line, the system's limits, signals."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence

from server.access.reader_keys import ReaderKeyError
from server.app import Bounds, Server
from server.configuration import misspelled, parse
from server.http.acceptor import SPARE_DESCRIPTORS, fit_descriptors, raise_descriptor_limit
from server.options import MAX_CLIENTS, Options
from server.terminal import Terminal
from server.traceback_limit import TracebackLimit
from server.wire.tls import CertificateError
from server.workers import ENDING, Workers
from viewstream import log_format

log = logging.getLogger("server")

FEW_CLIENTS = 1_000
"""A limit below this is worth a warning even if `--max-clients` was not given."""


def main(words: Sequence[str] | None = None, bounds: Bounds | None = None) -> int:
    """Run a server until a signal ends it; `bounds` are for tests."""
    options = parse(sys.argv[1:] if words is None else words)
    _log_as("server", options)
    for variable, option in misspelled(os.environ).items():
        log.warning("the variable %s is no option: is it %s?", variable, option)
    # Tornado's logs report each misbehaving client; /metrics counts them.
    logging.getLogger("tornado").setLevel(logging.ERROR)
    options, bounds = _fit_system(options, bounds or Bounds())
    if options.processes == 1:
        return asyncio.run(_run(options, bounds))

    def serve(address: tuple[str, int], number: int) -> int:
        _log_as(f"server {number}", options)
        alone = dataclasses.replace(options, listen=address)
        return asyncio.run(_run(alone, bounds))

    try:
        workers = Workers(options.processes, options.listen, serve)
    except OSError as error:
        return _cannot_listen(options, error)
    return workers.run()


def _log_as(name: str, options: Options) -> None:
    """Write the log to stderr as that of `name`."""
    log_format.configure(name, options.log_format)
    for handler in logging.getLogger().handlers:
        handler.addFilter(TracebackLimit())


def _cannot_listen(options: Options, error: OSError) -> int:
    host, port = options.listen
    log.error("cannot listen on %s:%d: %s", host, port, error)
    return 1


def _fit_system(options: Options, bounds: Bounds) -> tuple[Options, Bounds]:
    """Reduce the limits of connections to what the limit of open files allows, with a warning."""
    wanted = -(-(options.max_clients or MAX_CLIENTS) // options.processes)
    tails = len(options.views) if options.tail else 0
    own = bounds.engine_connections + tails
    limit = raise_descriptor_limit(wanted + bounds.max_requests + own + SPARE_DESCRIPTORS)
    available = limit - own
    clients, requests = fit_descriptors(wanted, bounds.max_requests, available)
    if clients < wanted and (options.max_clients is not None or clients < FEW_CLIENTS):
        log.warning(
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
    for number in ENDING:
        loop.add_signal_handler(number, ended.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    try:
        server = Server(options, bounds)
    except (CertificateError, ReaderKeyError) as error:
        log.error("%s", error)
        return 1
    except OSError as error:
        return _cannot_listen(options, error)
    _reload_on_hangup(server, ended)
    _collect_garbage_rarely()
    log.info("listening on %s", server.url)
    # A server without one of its tasks would look alive: end, so that a supervisor restarts it.
    failure = asyncio.create_task(server.wait_for_failure())
    end = asyncio.create_task(ended.wait())
    await asyncio.wait([failure, end], return_when=asyncio.FIRST_COMPLETED)
    if failure.done():
        log.error("ending: a task failed", exc_info=failure.exception())
    failure.cancel()
    await server.stop()
    return 1 if failure.done() and not failure.cancelled() else 0


def _reload_on_hangup(server: Server, ended: asyncio.Event) -> None:
    """Reload on SIGHUP; end when it comes because the server's terminal was closed."""
    terminal = Terminal()

    def on_hangup() -> None:
        if terminal.is_closed:
            ended.set()
        else:
            server.reload()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_hangup)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _collect_garbage_rarely() -> None:
    """Run the cyclic GC rarely: a full collection visits every object of every client.

    Clients and deltas leave no reference cycles, except where an error was raised. The threshold
    is above the rows of a body of 1 MiB, which are allocated and freed at once.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
