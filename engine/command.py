"""Runs the embedded engine until a signal ends it: limits of the system, address, signals."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine import log_format
from engine.coordinator import Coordinator, EngineOptions
from engine.errors import SqlError
from engine.options import parser
from engine.session.client import Limits
from engine.session.listener import Listener

_logger = logging.getLogger(log_format.NAME)

_ENDING = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT}
_SPARE_FILES = 64
"""File descriptors that are needed besides those of the clients."""
_FEW = 500
"""Connections below which a default that the system lowers is worth a line."""


def main(words: Sequence[str] | None = None) -> int:
    """Run until a signal ends it; returns the process's exit status."""
    arguments = parser().parse_args(words)
    log_format.configure(arguments.log_format)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # the client gets the error
    try:
        asyncio.run(_serve(arguments))
    except (OSError, SqlError) as error:
        _logger.error("%s", _reason(error))
        return 1
    return 0


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
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup has it ignored
            loop.add_signal_handler(number, stopped.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    gc.freeze()  # modules stay: to search them would block the event loop
    await coordinator.start()
    try:
        host, port = await _listen(listener, *arguments.listen)
        _logger.info("listening on %s:%d", host, port)
        if not _is_loopback(host):
            _logger.warning(
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
        _logger.log(
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
