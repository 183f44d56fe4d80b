"""`python -m engine`: the embedded engine, listening for PostgreSQL clients."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import re
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.coordinator import Coordinator, EngineOptions
from engine.errors import SqlError
from engine.session.client import Limits
from engine.session.listener import Listener

_SPARE_FILES = 64
"""File descriptors that are needed besides those of the clients."""
_FEW = 500
"""Connections below which a default that the system lowers is worth a line."""


def main(words: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the process's exit status."""
    arguments = _parser().parse_args(words)
    logging.basicConfig(level=logging.WARNING, format="engine: %(message)s")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # the client gets the error
    try:
        asyncio.run(_serve(arguments))
    except (OSError, SqlError) as error:
        print(f"engine: {_reason(error)}", file=sys.stderr)  # noqa: T201 -- the command line's voice
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults, limits = EngineOptions(), Limits()
    parser = argparse.ArgumentParser(
        prog="python -m engine",
        description="A small streaming database that speaks PostgreSQL's protocol and "
        "Materialize's TAIL, for one machine.",
    )
    add = parser.add_argument
    add(
        "--listen",
        type=address,
        default=("127.0.0.1", 6875),
        metavar="HOST:PORT",
        help="where to listen; port 0 takes a free one (default 127.0.0.1:6875)",
    )
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="keep the catalog and the rows of tables there (default: nothing is kept)",
    )
    add(
        "--logical-compaction-window",
        type=duration,
        default=defaults.history_window,
        metavar="DURATION",
        help="for how long past times stay readable, such as 5m, 30s, 1ms; "
        "off: for ever (default 5m)",
    )
    add(
        "--history-rows",
        type=positive,
        default=defaults.history_rows,
        metavar="N",
        help="updates of one relation that are kept for that at most (default %(default)s)",
    )
    add(
        "--tail-backlog",
        type=positive,
        default=defaults.tail_backlog,
        metavar="N",
        help="updates that a slow TAIL may be behind before it is ended (default %(default)s)",
    )
    add(
        "--tick",
        type=interval,
        default=defaults.tick,
        metavar="DURATION",
        help="the time between progress rows when nothing happens (default 100ms)",
    )
    add(
        "--max-line-bytes",
        type=positive,
        default=defaults.max_line_bytes,
        metavar="N",
        help="the longest line of a file source (default %(default)s)",
    )
    add(
        "--max-connections",
        type=positive,
        metavar="N",
        help="clients that are served at once (default "
        f"{limits.max_connections}, or as many as the system's limit of open files allows)",
    )
    add(
        "--max-message-bytes",
        type=positive,
        default=limits.max_message_bytes,
        metavar="N",
        help="the longest message of a client, such as a statement (default %(default)s)",
    )
    add(
        "--waiting-bytes",
        type=positive,
        default=limits.waiting_bytes,
        metavar="N",
        help="bytes of unfinished messages of all clients together (default %(default)s)",
    )
    add(
        "--clock-offset-file",
        type=Path,
        metavar="FILE",
        help="for tests: a file with milliseconds to add to the wall clock, read at each tick",
    )
    return parser


def address(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT`, `HOST` being a name, an IPv4 address, or an IPv6 address in brackets."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, found {text!r}")
    return host, int(port)


def interval(text: str) -> int:
    """Parse a duration that has an end; returns milliseconds."""
    if text == "off":
        raise argparse.ArgumentTypeError("expected a duration such as 100ms, found 'off'")
    return duration(text)


_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_FOR_EVER = 2**53


def duration(text: str) -> int:
    """Parse `5m`, `30s`, `100ms` or `off` (for ever); returns milliseconds."""
    if text == "off":
        return _FOR_EVER
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text)
    if match is None or match[2] not in _UNITS:
        raise argparse.ArgumentTypeError(
            f"expected a duration such as 5m, 30s, 100ms, or off; found {text!r}"
        )
    milliseconds = round(float(match[1]) * _UNITS[match[2]])
    if not 1 <= milliseconds <= _FOR_EVER:
        raise argparse.ArgumentTypeError(f"expected a duration of 1ms or more, found {text!r}")
    return milliseconds


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, found {text!r}")
    return int(text)


def clock(offset_file: Path | None) -> Callable[[], int]:
    """Return the wall clock in milliseconds, plus the number in the file, if there is one."""
    if offset_file is None:
        return _wall_clock

    def moved() -> int:
        offset = 0
        with contextlib.suppress(OSError, ValueError):  # not there yet, or being written
            offset = int(offset_file.read_text())
        return _wall_clock() + offset

    return moved


def _wall_clock() -> int:
    return time.time_ns() // 1_000_000


async def _serve(arguments: argparse.Namespace) -> None:
    connections = _allow_connections(arguments.max_connections)
    options = EngineOptions(
        data=arguments.data,
        history_window=arguments.logical_compaction_window,
        history_rows=arguments.history_rows,
        tail_backlog=arguments.tail_backlog,
        tick=arguments.tick,
        max_line_bytes=arguments.max_line_bytes,
    )
    limits = Limits(connections, arguments.max_message_bytes, arguments.waiting_bytes)
    coordinator = Coordinator(options, clock(arguments.clock_offset_file))
    listener = Listener(coordinator, limits)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    gc.freeze()  # modules stay: to search them would block the event loop
    await coordinator.start()
    try:
        host, port = await _listen(listener, *arguments.listen)
        print(f"engine: listening on {host}:{port}", file=sys.stderr, flush=True)  # noqa: T201
        if not _is_loopback(host):
            logging.getLogger("engine").warning(
                "others can reach this address, and no password is asked: all who reach it may "
                "read every file that this process can, by CREATE SOURCE"
            )
        await stopped.wait()
    finally:
        await listener.stop()
        await coordinator.stop()


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _allow_connections(asked: int | None) -> int:
    """Raise the limit of open files to what the clients need; returns how many may connect.

    Raises OSError if more are `asked` for than the system allows. The default is lowered instead.
    """
    count = Limits.max_connections if asked is None else asked
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _SPARE_FILES
    if resource.RLIM_INFINITY not in (soft, hard) and hard < needed:
        if asked is not None:
            raise OSError(
                f"--max-connections {count} needs {needed} open files, "
                f"but this system allows {hard}"
            )
        count, needed = max(hard - _SPARE_FILES, 1), hard
        logging.log(
            logging.WARNING if count < _FEW else logging.DEBUG,
            "this system allows %d open files (ulimit -n): at most %d connections instead of %d",
            hard,
            count,
            Limits.max_connections,
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return count


async def _listen(listener: Listener, host: str, port: int) -> tuple[str, int]:
    try:
        return await listener.start(host, port)
    except OSError as error:
        # asyncio wraps the system's message in its own; the number finds it again.
        known = isinstance(error, socket.gaierror) or not error.errno
        reason = error.strerror if known else os.strerror(error.errno or 0)
        raise OSError(f"cannot listen on {host}:{port}: {str(reason).lower()}") from error


def _reason(error: OSError | SqlError) -> str:
    """One line for a person: what went wrong, and with what."""
    if isinstance(error, SqlError):
        return error.message
    return (
        f"{(error.strerror or str(error)).lower()}: {error.filename}"
        if error.filename
        else str(error)
    )


if __name__ == "__main__":
    sys.exit(main())
