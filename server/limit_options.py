"""The hub's limits as words of the command line: one option for each field of `Limits`."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from server import arguments
from server.hub.limits import Limits

_SIZES = {
    "log_bytes": "of deltas kept for one view",
    "fold_at_once": "of deltas that are merged at once for a client that comes back; where it is "
    "more, a base is read to see whether that is less",
    "fold_cache_bytes": "of merged deltas of one view that are kept for others who come back",
    "base_reuse_bytes": "of deltas after which a base is sent again rather than read anew",
    "backlog_bytes": "of messages that clients have begun to take, over all of them; beyond, those "
    "who cost most are closed",
}
_TIMES = {
    "log_age": "for which a delta is kept",
    "gap_patience": "for which a delta that leaves a gap is refused, since another pipeline may "
    "be about to close it",
    "stale_after": "without a POST, or behind the engine, after which a view is called stale",
    "audit_every": "after which the view is read and compared with what was posted",
    "checksum_every": "between two deltas that carry a checksum",
    "stall_after": "for which a client may take nothing",
    "status_every": "of silence after which clients are told the view's status again",
}
_COUNTS = {"bases_in_flight": "different bases of one view on their way to slow clients"}


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add an option for each limit, with its default."""
    group = parser.add_argument_group("limits of each view")
    for name, what in _SIZES.items():
        _add(group, name, arguments.size, "SIZE", what, _size)
    for name, what in _TIMES.items():
        _add(group, name, arguments.milliseconds, "SECONDS", what, _seconds)
    for name, what in _COUNTS.items():
        _add(group, name, arguments.count, "NUMBER", what, str)
    group.add_argument(
        "--compress-from",
        type=arguments.size,
        default=Limits.compress_from,
        metavar="SIZE",
        help="from which a message is deflated, default 1K",
    )
    group.add_argument("--no-compression", action="store_true", help="deflate nothing")


def _add(
    group: argparse._ArgumentGroup,
    name: str,
    kind: Callable[[str], int],
    unit: str,
    what: str,
    say: Callable[[int], str],
) -> None:
    default = getattr(Limits, name)
    option = "--" + name.replace("_", "-")
    text = f"{what}, default {say(default)}"
    group.add_argument(option, type=kind, default=default, metavar=unit, help=text)


def _size(size: int) -> str:
    return f"{size >> 20}M" if size % (1 << 20) == 0 else f"{size >> 10}K"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:g}"


def read_limits(given: argparse.Namespace) -> Limits:
    """The limits that the command line tells."""
    values = {name: getattr(given, name) for name in (*_SIZES, *_TIMES, *_COUNTS)}
    compress_from = None if given.no_compression else given.compress_from
    return Limits(**values, compress_from=compress_from)
