"""The text of a TAIL with PROGRESS, as COPY prints it."""

from __future__ import annotations


def row(time: int, diff: int, *values: str) -> bytes:
    """One update; the values are COPY's text, escapes and all."""
    return "\t".join([str(time), "f", str(diff), *values]).encode() + b"\n"


def progress(time: int, columns: int = 1) -> bytes:
    """A progress line of a relation with that many columns."""
    return b"%d\tt" % time + rb"	\N" * (columns + 1) + b"\n"
