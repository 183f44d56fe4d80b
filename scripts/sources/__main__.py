"""The command `scripts/source MODE .. FILE`: appends recent changes to FILE."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from types import FrameType
from typing import NoReturn

from scripts.sources import generate, live, replay
from scripts.sources.append import Appender, BusyError, FullError
from scripts.sources.counts import Counts
from scripts.sources.pace import lively, paced, steady, unpaced

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


class _Interrupted(BaseException):
    """A signal asks us to end; `number` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def parse_bytes(text: str) -> int:
    """A number of bytes such as 500, 64K, 100MB or 2 GB (powers of ten)."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", text.upper())
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a size such as 2GB, found {text!r}")
    return int(float(match[1]) * _UNITS[match[2]])


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
        prog="scripts/source", description="Append Wikimedia's recent changes to a file."
    )
    modes = parser.add_subparsers(dest="mode", required=True, metavar="MODE")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("file", type=Path, metavar="FILE", help="the file to append to")
    common.add_argument(
        "--max-bytes",
        type=parse_bytes,
        default="2GB",
        metavar="SIZE",
        help="stop when FILE has reached this size (default: 2GB)",
    )
    common.add_argument(
        "--stay", action="store_true", help="do not end with the events, wait to be stopped"
    )
    rated = argparse.ArgumentParser(add_help=False)
    rated.add_argument(
        "--rate",
        type=parse_rate,
        default=30.0,
        metavar="N",
        help="events a second, 0: as fast as possible (default: 30)",
    )

    mode = modes.add_parser("live", parents=[common], help="follow Wikimedia's event stream")
    mode.add_argument("--url", default=live.URL, help="another stream (default: Wikimedia's)")
    mode.add_argument(
        "--contact",
        default=os.environ.get("VIEWSTREAM_CONTACT", ""),
        help="how Wikimedia reaches you, for the User-Agent (default: $VIEWSTREAM_CONTACT)",
    )

    mode = modes.add_parser("replay", parents=[common, rated], help="read events from a file")
    mode.add_argument(
        "--from",
        dest="origin",
        default="-",
        metavar="INPUT",
        help="NDJSON, or a recording of the event stream; - is stdin (default)",
    )

    mode = modes.add_parser("generate", parents=[common, rated], help="make events up")
    mode.add_argument("--seed", type=int, default=1, help="the same seed, the same events")
    mode.add_argument("--count", type=int, metavar="N", help="end after so many")
    mode.add_argument(
        "--editors", type=int, default=generate.EDITORS, help="how many there are (%(default)s)"
    )
    return parser.parse_args(arguments)


def batches(options: argparse.Namespace, counts: Counts) -> Iterator[list[bytes]]:
    """The events of the chosen mode, as they are to be written."""
    if options.mode == "live":
        seen = live.read_seen(options.file)
        return live.events(options.url, seen, contact=options.contact, tell=counts.tell)
    events = _events(options)
    if not options.rate:
        return unpaced(events)
    if options.mode == "replay":
        return paced(events, steady(options.rate))
    return paced(events, lively(options.rate, Random(options.seed)))  # noqa: S311 -- reproducible


def _events(options: argparse.Namespace) -> Iterable[bytes]:
    if options.mode == "replay":
        if options.origin == "-":
            return replay.events(sys.stdin.buffer)
        return replay.events_of(Path(options.origin))
    interval = 1 / options.rate if options.rate else 0.001
    endless = generate.events(
        options.seed, start=time.time(), interval=interval, editors=options.editors
    )
    return islice(endless, options.count)


def run(options: argparse.Namespace) -> None:
    """Append until the events or the room for them end; raises what hinders it."""
    with Appender(options.file, options.max_bytes) as appender:
        counts = Counts(appender)
        if appender.repaired:
            counts.tell(f"the last line of {options.file} was cut: ended it")
        try:
            for batch in batches(options, counts):
                appender.append(batch)
                counts.update()
        except FullError as full:
            counts.tell(f"{full}: stopping")
        finally:
            counts.update()
            counts.close()
        while options.stay:
            signal.pause()


def main() -> int:
    options = parse_arguments()

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise _Interrupted(number)

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        run(options)
    except _Interrupted as interrupted:
        return 128 + interrupted.number
    except (BusyError, live.EndedError) as error:
        print(f"source: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"source: {error.filename or options.file}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
