"""Runs the server: `python -m server VIEW [VIEW ..]`."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from server.app import Server
from server.options import Options, parse


def main() -> int:
    options = parse(sys.argv[1:])
    logging.basicConfig(format="server: %(message)s", level=logging.INFO, stream=sys.stderr)
    # Tornado's access and general logs tell of every client that misbehaves: that is no news.
    logging.getLogger("tornado").setLevel(logging.ERROR)
    return asyncio.run(_run(options))


async def _run(options: Options) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    server = Server(options)
    try:
        await server.start()
    except OSError as error:
        print(f"server: cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"server: listening on {server.url}", file=sys.stderr, flush=True)  # noqa: T201
    await ended.wait()
    await server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
