"""The command line of `scripts/source`."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

from scripts.sources import generate, live
from scripts.sources.append import MIN_FREE
from viewstream.log_format import add_option
from viewstream.urls import is_server_url

RATE = 30.0
"""Events a second by default; Wikimedia has about as many."""
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def parse_bytes(text: str) -> int:
    """A number of bytes such as 500, 64K, 100MB or 2 GB (powers of ten)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", text.upper())
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a size such as 2GB, found {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])


def parse_url(text: str) -> str:
    """Return the address of a webhook."""
    if not is_server_url(text):
        raise argparse.ArgumentTypeError(
            "expected an address such as"
            f" http://127.0.0.1:6876/api/webhook/materialize/public/wikimedia_posts, found {text!r}"
        )
    return text


def parse_rate(text: str) -> float:
    """Events a second; 0 is as fast as possible."""
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a rate of 0 or more, found {text!r}")
    return rate


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/source",
        description="Append Wikimedia's recent changes to a file, or post them to a webhook.",
    )
    modes = parser.add_subparsers(dest="mode", required=True, metavar="MODE")
    common, rate = _common_options(), _rate_option()
    _add_live_options(
        modes.add_parser("live", parents=[common], help="follow Wikimedia's event stream")
    )
    _add_replay_options(
        modes.add_parser("replay", parents=[common, rate], help="read events from a file")
    )
    _add_generate_options(
        modes.add_parser("generate", parents=[common, rate], help="make events up")
    )
    options = parser.parse_args(arguments)
    is_piped = options.mode == "replay" and options.origin == "-"
    if options.mode != "live" and options.rate is None and not is_piped:
        options.rate = RATE
    return options


def _common_options() -> argparse.ArgumentParser:
    """Return the parent of all modes: where the events go, and when to end."""
    common = argparse.ArgumentParser(add_help=False)
    output = common.add_mutually_exclusive_group(required=True)
    output.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the file to append to")
    output.add_argument(
        "--post",
        type=parse_url,
        metavar="URL",
        help="the webhook source of Materialize to post to, instead of a file",
    )
    common.add_argument(
        "--max-bytes",
        type=parse_bytes,
        metavar="SIZE",
        help="stop when FILE has this size, or when so much was posted (default: a file grows "
        f"until its disk has {MIN_FREE // 10**9} GB left)",
    )
    common.add_argument(
        "--stay", action="store_true", help="do not end with the events, wait to be stopped"
    )
    add_option(common)
    return common


def _rate_option() -> argparse.ArgumentParser:
    """Return the parent of the modes whose pace can be chosen."""
    rated = argparse.ArgumentParser(add_help=False)
    rated.add_argument(
        "--rate",
        type=parse_rate,
        metavar="N",
        help="events a second, 0: as fast as possible (default: 30, and from stdin as they come)",
    )
    return rated


def _add_live_options(mode: argparse.ArgumentParser) -> None:
    mode.add_argument("--url", default=live.URL, help="another stream (default: Wikimedia's)")
    mode.add_argument(
        "--contact",
        default=os.environ.get("VIEWSTREAM_CONTACT", ""),
        help="how Wikimedia reaches you, for the User-Agent (default: $VIEWSTREAM_CONTACT)",
    )


def _add_replay_options(mode: argparse.ArgumentParser) -> None:
    mode.add_argument(
        "--from",
        dest="origin",
        default="-",
        metavar="INPUT",
        help="NDJSON, or a recording of the event stream; - is stdin (default)",
    )
    mode.add_argument(
        "--now",
        action="store_true",
        help="give events the present as their time, so that views of the last minutes have them",
    )


def _add_generate_options(mode: argparse.ArgumentParser) -> None:
    mode.add_argument("--seed", type=int, default=1, help="the same seed, the same events")
    mode.add_argument("--count", type=int, metavar="N", help="end after so many")
    mode.add_argument(
        "--editors", type=int, default=generate.EDITORS, help="how many there are (%(default)s)"
    )
