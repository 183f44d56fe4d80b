"""Reads /proc of Linux: the children, script, memory and processor time of a process."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children; none if it has ended."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        texts = [(thread / "children").read_text() for thread in threads]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for text in texts for child in text.split()]


def descendants_of(pid: int) -> set[int]:
    """Return the ids of all processes that a process has started, directly or not."""
    children = children_of(pid)
    return set(children).union(*map(descendants_of, children))


def words_of(pid: int) -> list[str]:
    """Return the command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def script_of(pid: int) -> str:
    """Return the name of the script that a process runs, such as `tail_view`; empty if none.

    `post_deltas.py --frontier` does not count: it asks one question and ends.
    """
    words = words_of(pid)
    if "--frontier" in words:
        return ""
    return next((Path(word).stem for word in words if word.endswith(".py")), "")


def is_running(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def memory_of(pid: int) -> int:
    """Return the resident bytes of a process; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * resource.getpagesize()


def cpu_of(pid: int) -> float:
    """Return the seconds of processor time that a process has used, user and system."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def precise_cpu_of(pid: int) -> float:
    """Return the seconds of processor time of a process's living threads, to the nanosecond.

    `cpu_of` counts ticks of 10 ms, and whole ticks of what ran at the tick: too coarse for small
    loads.
    """
    nanoseconds = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            nanoseconds += int(thread.read_text().split()[0])
    return nanoseconds / 1e9


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on: the name before may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
