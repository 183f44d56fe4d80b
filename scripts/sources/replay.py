"""Reads events from a file or a pipe: NDJSON, a recorded event stream, or a source's own file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from scripts.sources.strict import MAX_EVENT

_LONGEST_LINE = MAX_EVENT + 64
_TIMESTAMP = re.compile(rb'("timestamp":\s*)[0-9]+')
_DT = re.compile(rb'("dt":\s*)"[^"]*"')
# A quote within a string is escaped, so these find names of fields; the first is the event's own.
_FRAMING = (b"event:", b"id:", b"retry:", b":")


def events(file: BinaryIO) -> Iterator[bytes]:
    """Yield the events of `file`, one for each line: the line itself, or its text after `data:`.

    Blank lines and the other fields of an event stream are skipped. Everything else is yielded
    as it is: `append` refuses what is no event, and counts it.
    """
    # A line that is longer than an event may be comes in pieces, each of which is refused.
    while line := file.readline(_LONGEST_LINE):
        event = _event_of(line.removesuffix(b"\n"))
        if event is not None:
            yield event


def events_of(path: Path) -> Iterator[bytes]:
    """Yield the events of the file at `path`; raises OSError when the first is asked for."""
    with path.open("rb") as file:
        yield from events(file)


def at_present(events: Iterable[bytes], clock: Callable[[], float]) -> Iterator[bytes]:
    """Yield each event with the time at which it is taken in the place of its own.

    Views of the last minutes have no rows of older events.
    """
    for event in events:
        seconds = int(clock())
        moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = _TIMESTAMP.sub(rb"\g<1>%d" % seconds, event, count=1)
        yield _DT.sub(rb'\g<1>"%b"' % moment.encode(), event, count=1)


def arriving(pipe: int) -> Iterator[list[bytes]]:
    """Yield batches of the events of a pipe (a file descriptor), each once its lines have come."""
    rest = b""
    while chunk := os.read(pipe, 1 << 16):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines.append(rest)
            rest = b""
        batch = [event for line in lines if (event := _event_of(line)) is not None]
        if batch:
            yield batch
    if (event := _event_of(rest)) is not None:
        yield [event]


def _event_of(line: bytes) -> bytes | None:
    """Return the event of a line without its newline, or None if the line has none."""
    line = line.removesuffix(b"\r")
    if not line or line.startswith(_FRAMING):
        return None
    return line.removeprefix(b"data:").removeprefix(b" ")
