"""The command `scripts/source MODE .. FILE|--post URL`: appends or posts recent changes."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from types import FrameType
from typing import NoReturn

from scripts.sources import generate, live, replay
from scripts.sources.append import Appender, BusyError, FullError
from scripts.sources.counts import Counts
from scripts.sources.options import parse_arguments
from scripts.sources.pace import lively, paced, steady, unpaced
from scripts.sources.webhook import Webhook, WebhookError
from viewstream.log_format import configure

log = logging.getLogger("source")


class _Interrupted(BaseException):
    """A signal that ends the process; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def batches(options: argparse.Namespace, counts: Counts) -> Iterator[list[bytes]]:
    """Yield batches of the chosen mode's events; each batch is written at once."""
    if options.mode == "live":
        seen = live.read_seen(options.file) if options.file is not None else live.Seen()
        return live.events(options.url, seen, contact=options.contact, report=counts.report)
    if options.mode == "replay" and options.origin == "-" and options.rate is None:
        arriving = replay.arriving(sys.stdin.fileno())
        if not options.now:
            return arriving
        return (list(replay.at_present(batch, time.time)) for batch in arriving)
    events = _events(options)
    if not options.rate:
        return unpaced(events)
    if options.mode == "replay":
        return paced(events, steady(options.rate))
    return paced(events, lively(options.rate, Random(options.seed)))  # noqa: S311 -- reproducible


def _events(options: argparse.Namespace) -> Iterable[bytes]:
    if options.mode == "replay":
        is_piped = options.origin == "-"
        recorded = (
            replay.events(sys.stdin.buffer) if is_piped else replay.events_of(Path(options.origin))
        )
        return replay.at_present(recorded, time.time) if options.now else recorded
    endless = generate.events(options.seed, editors=options.editors, clock=time.time)
    return islice(endless, options.count)


def open_output(options: argparse.Namespace) -> Appender | Webhook:
    """Open where the events go: the file, or the webhook."""
    if options.post is None:
        return Appender(options.file, options.max_bytes)
    return Webhook(options.post, options.max_bytes, report=log.warning)


def run(options: argparse.Namespace) -> None:
    """Append until the events end or the file is full; raises BusyError, EndedError and OSError."""
    with open_output(options) as appender:
        counts = Counts(appender)
        if appender.repaired:
            counts.report(f"the last line of {options.file} was cut: ended it")
        try:
            for batch in batches(options, counts):
                appender.append(batch)
                counts.update()
        except FullError as full:
            counts.report(f"{full}: stopping. The views keep what they have, and get no new events")
        finally:
            counts.update()
            counts.close()
        while options.stay:
            signal.pause()


def main() -> int:
    options = parse_arguments()
    configure("source", options.log_format)

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise _Interrupted(number)

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    try:
        run(options)
    except _Interrupted as interrupted:
        return 128 + interrupted.number
    except (BusyError, WebhookError, live.EndedError) as error:
        log.error("%s", error)
        return 1
    except OSError as error:
        log.error("%s: %s", error.filename or options.file, error.strerror)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
