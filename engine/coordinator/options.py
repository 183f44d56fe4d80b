"""Options of an engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EngineOptions:
    """Options of the coordinator, with the defaults of the command line.

    `data` is the folder that keeps the catalog and the rows of tables, None for none: then nothing
    survives the process. `history_window` is for how long past times stay readable (AS OF), in
    milliseconds. `history_rows` bounds that by memory: once a relation has had more updates than
    that within its window (rows of some KB count as several), the oldest are forgotten early.
    `tail_backlog` is how many updates of a relation are kept beyond these for a TAIL whose reader
    is slow, before that TAIL is ended with an error. `tick` is the time in milliseconds between
    progress rows when nothing happens. `max_line_bytes` is the longest line of a file source; a
    longer one is counted as an error.
    """

    data: Path | None = None
    history_window: int = 5 * 60 * 1000
    history_rows: int = 250_000
    tail_backlog: int = 1_000_000
    tick: int = 100
    max_line_bytes: int = 16 * 1024 * 1024
