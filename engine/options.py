"""Parses the options of `python -m engine`."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from engine import log_format
from engine.coordinator import EngineOptions
from engine.session.client import Limits


def parser() -> ArgumentParser:
    """Return the parser of the command line."""
    made = ArgumentParser(
        prog="python -m engine",
        description="A small streaming database that speaks PostgreSQL's protocol and "
        "Materialize's TAIL, for one machine.",
    )
    made.add_argument(
        "--listen",
        type=address,
        default=("127.0.0.1", 6875),
        metavar="HOST:PORT",
        help="where to listen; port 0 takes a free one (default 127.0.0.1:6875)",
    )
    made.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="keep the catalog and the rows of tables there (default: nothing is kept)",
    )
    log_format.add_option(made)
    _add_history(made, EngineOptions())
    _add_limits(made, EngineOptions(), Limits())
    made.add_argument(
        "--clock-offset-file",
        type=Path,
        metavar="FILE",
        help="for tests: a file with milliseconds to add to the wall clock, read at each tick",
    )
    return made


def _add_history(to: ArgumentParser, defaults: EngineOptions) -> None:
    """Add the time between progress rows, and how much of the past is kept."""
    to.add_argument(
        "--tick",
        type=interval,
        default=defaults.tick,
        metavar="DURATION",
        help="the time between progress rows when nothing happens (default 100ms)",
    )
    to.add_argument(
        "--logical-compaction-window",
        type=duration,
        default=defaults.history_window,
        metavar="DURATION",
        help="for how long past times stay readable, such as 5m, 30s, 1ms; "
        "off: for ever (default 5m)",
    )
    to.add_argument(
        "--history-rows",
        type=positive,
        default=defaults.history_rows,
        metavar="N",
        help="updates of one relation that are kept for that at most (default %(default)s)",
    )
    to.add_argument(
        "--tail-backlog",
        type=positive,
        default=defaults.tail_backlog,
        metavar="N",
        help="updates that a slow TAIL may be behind before it is ended (default %(default)s)",
    )


def _add_limits(to: ArgumentParser, defaults: EngineOptions, limits: Limits) -> None:
    """Add the limits of files, of clients and of their messages."""
    to.add_argument(
        "--max-line-bytes",
        type=positive,
        default=defaults.max_line_bytes,
        metavar="N",
        help="the longest line of a file source (default %(default)s)",
    )
    to.add_argument(
        "--max-connections",
        type=positive,
        metavar="N",
        help="clients that are served at once (default "
        f"{limits.max_connections}, or as many as the system's limit of open files allows)",
    )
    to.add_argument(
        "--max-message-bytes",
        type=positive,
        default=limits.max_message_bytes,
        metavar="N",
        help="the longest message of a client, such as a statement (default %(default)s)",
    )
    to.add_argument(
        "--waiting-bytes",
        type=positive,
        default=limits.waiting_bytes,
        metavar="N",
        help="bytes of unfinished messages of all clients together (default %(default)s)",
    )


def address(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT`, `HOST` being a name, an IPv4 address, or an IPv6 address in brackets."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ArgumentTypeError(f"expected HOST:PORT, found {text!r}")
    return host, int(port)


def interval(text: str) -> int:
    """Parse a duration that has an end; returns milliseconds."""
    if text == "off":
        raise ArgumentTypeError("expected a duration such as 100ms, found 'off'")
    return duration(text)


_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_FOR_EVER = 2**53


def duration(text: str) -> int:
    """Parse `5m`, `30s`, `100ms` or `off` (for ever); returns milliseconds."""
    if text == "off":
        return _FOR_EVER
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]+)", text)
    if match is None or match[2] not in _UNITS:
        raise ArgumentTypeError(
            f"expected a duration such as 5m, 30s, 100ms, or off; found {text!r}"
        )
    milliseconds = round(float(match[1]) * _UNITS[match[2]])
    if not 1 <= milliseconds <= _FOR_EVER:
        raise ArgumentTypeError(f"expected a duration of 1ms or more, found {text!r}")
    return milliseconds


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"expected a whole number above 0, found {text!r}")
    return int(text)
