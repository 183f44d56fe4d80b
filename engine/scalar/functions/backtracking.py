"""Ends a search by a regular expression that backtracks for too long.

Python's engine can take exponential time, and while it runs nothing else does. It looks for signals
now and then, though: so a timer, which is the process's (`engine.beat`), beats with the processor
time that is used, and a search that two beats fall into is ended by the second. Signals reach the
main thread only: elsewhere, or without a timer, there is no limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from engine.errors import SqlError
from engine.types.base import shorten

T = TypeVar("T")

_REPETITION = re.compile(r"[*+?{]")
_SHORT = 16
"""Characters of text of which no pattern is tried for long."""
_SHORT_FOR_ONE = 1000
"""The same, if the pattern has one repetition only: the time grows with the square."""

_MOST_FAILED = 10_000

_failed: dict[tuple[re.Pattern[str], int, int], None] = {}
"""Pattern, length and hash of texts that took too long: they do so each time, and are not tried
again. So a view that left out a row leaves it out as well when the row goes."""

_searches = 0
"""How many have begun so far, in all threads."""
_DEEPEST = 5
"""Calls between a search and what it does when a beat comes, such as filling in a replacement."""

_seen = 0
"""What the last beat found in `_searches`."""


class _TookTooLong(BaseException):
    pass


def bounded(regex: re.Pattern[str], search: Callable[[str], T], shown: str) -> Callable[[str], T]:
    """`search`, which looks for `regex` in a text, with a limit of time.

    Beyond it SqlError 54001 is raised, which calls the pattern `shown`.
    """
    repetitions = len(_REPETITION.findall(regex.pattern))
    if not repetitions:
        return search
    harmless = _SHORT_FOR_ONE if repetitions == 1 and "(" not in regex.pattern else _SHORT

    def bounded_search(text: str) -> T:
        if len(text) <= harmless:
            return search(text)
        return _search_in_time(regex, search, text, shown)

    return bounded_search


def _search_in_time(regex: re.Pattern[str], search: Callable[[str], T], text: str, shown: str) -> T:
    global _searches
    if _failed and (regex, len(text), hash(text)) in _failed:
        raise _too_slow(shown, text)
    try:
        _searches += 1
        return search(text)
    except _TookTooLong:
        if len(_failed) >= _MOST_FAILED:
            del _failed[next(iter(_failed))]
        _failed[regex, len(text), hash(text)] = None
        raise _too_slow(shown, text) from None


def on_beat(frame: FrameType | None) -> None:
    """To be called by a signal at each beat, with what the main thread does: ends a long search."""
    global _seen
    if _searches == _seen and _is_searching(frame):
        raise _TookTooLong
    _seen = _searches


def _is_searching(frame: FrameType | None) -> bool:
    for _ in range(_DEEPEST):
        if frame is None:
            return False
        if frame.f_code is _search_in_time.__code__:
            return True
        frame = frame.f_back
    return False


def _too_slow(shown: str, text: str) -> SqlError:
    return SqlError(
        f"the regular expression {shorten(shown)} takes too long on a text of {len(text)} "
        "characters",
        "54001",
        hint="let it match in one way only: no repetition within a repetition, as in (a+)+",
    )
