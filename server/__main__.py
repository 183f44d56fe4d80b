"""Runs the server: `python -m server VIEW [VIEW ..]`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys

from server.app import CertificateError, Server
from server.http.descriptors import fit, raise_limit
from server.options import Options, parse

FEW = 1_000
"""Fewer clients than this are worth a warning, though nobody asked for more."""


def main() -> int:
    options = parse(sys.argv[1:])
    logging.basicConfig(format="server: %(message)s", level=logging.INFO, stream=sys.stderr)
    # Tornado's access and general logs tell of every client that misbehaves: that is no news.
    logging.getLogger("tornado").setLevel(logging.ERROR)
    return asyncio.run(_run(_within_the_system(options)))


def _within_the_system(options: Options) -> Options:
    """Take no more connections than the system lets this process have; say so if that matters."""
    limit = raise_limit(options)
    fitting = fit(options, limit)
    if fitting is not options and (options.counts_on_clients or fitting.max_clients < FEW):
        logging.getLogger("server").warning(
            "this system allows %d open files (ulimit -n): "
            "at most %d clients instead of %d, and %d other connections",
            limit,
            fitting.max_clients,
            options.max_clients,
            fitting.max_requests,
        )
    return fitting


async def _run(options: Options) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    server = Server(options)
    try:
        await server.start()
    except CertificateError as error:
        print(f"server: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except OSError as error:
        print(f"server: cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    _spare_collections()
    print(f"server: listening on {server.url}", file=sys.stderr, flush=True)  # noqa: T201
    # Half a server is worse than none: whoever watches over processes starts a whole one.
    failure = asyncio.create_task(server.failed())
    end = asyncio.create_task(ended.wait())
    await asyncio.wait([failure, end], return_when=asyncio.FIRST_COMPLETED)
    if failure.done():
        logging.getLogger("server").error("ending, for a part failed", exc_info=failure.exception())
    failure.cancel()
    await server.stop()
    return 1 if failure.done() and not failure.cancelled() else 0


def _spare_collections() -> None:
    """Look for cyclic garbage rarely: each full search stops at every object of every client.

    Nothing that a client or a delta leaves behind needs it, except where an error was raised. The
    rows of a body of a mebibyte, which come and go at once, are to be no reason for one either.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


if __name__ == "__main__":
    sys.exit(main())
