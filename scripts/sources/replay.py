"""Events from a file: NDJSON, a recording of the event stream, or what a source has written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from scripts.sources.strict import MAX_EVENT

_FRAMING = (b"event:", b"id:", b"retry:", b":")


def events(file: BinaryIO) -> Iterator[bytes]:
    """The events of `file`, one a line: the line itself, or what stands after `data:`.

    Blank lines and the other fields of an event stream are skipped. Everything else is handed
    on as it is, so that what is no event is refused and counted where all events are checked.
    """
    # A line that is longer than any event may be is handed on in pieces, and none of them fits.
    while line := file.readline(MAX_EVENT + 64):
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if line and not line.startswith(_FRAMING):
            yield line.removeprefix(b"data:").removeprefix(b" ")


def events_of(path: Path) -> Iterator[bytes]:
    """The events of the file at `path`; raises OSError once the first is asked for."""
    with path.open("rb") as file:
        yield from events(file)
