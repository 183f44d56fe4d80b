"""Ends a search by a regular expression that backtracks for too long.

Python's engine can take exponential time, and while it runs nothing else does. It looks for signals
now and then, though: so a timer beats with the processor time that is used, and a search that two
beats fall into is ended by the second. Signals reach the main thread only: elsewhere there is no
limit.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from threading import get_ident, main_thread
from types import FrameType
from typing import TypeVar

from engine.errors import SqlError
from engine.types.base import shorten

T = TypeVar("T")

BEAT = 0.5
"""Seconds of processor time between two beats: a search takes at most two."""

_REPETITION = re.compile(r"[*+?{]")
_SHORT = 16
"""Characters of text of which no pattern is tried for long."""
_SHORT_FOR_ONE = 1000
"""The same, if the pattern has one repetition only: the time grows with the square."""

_MAIN = main_thread().ident

_MOST_FAILED = 10_000

_failed: dict[tuple[re.Pattern[str], int, int], None] = {}
"""Pattern, length and hash of texts that took too long: they do so each time, and are not tried
again. So a view that left out a row leaves it out as well when the row goes."""

_searches = 0
"""Beginnings and ends of searches so far: odd while one is under way."""
_seen = 0
"""What the last beat found in `_searches`."""
_beat = 0.0
"""With which beat the timer was started; 0 before."""


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
        if len(text) <= harmless or get_ident() != _MAIN:
            return search(text)
        return _search_in_time(regex, search, text, shown)

    return bounded_search


def _search_in_time(regex: re.Pattern[str], search: Callable[[str], T], text: str, shown: str) -> T:
    global _searches
    if _failed and (regex, len(text), hash(text)) in _failed:
        raise _too_slow(shown, text)
    if _beat != BEAT:
        _start_timer()
    try:
        _searches += 1
        try:
            return search(text)
        finally:
            _searches += 1
    except _TookTooLong:
        if len(_failed) >= _MOST_FAILED:
            del _failed[next(iter(_failed))]
        _failed[regex, len(text), hash(text)] = None
        raise _too_slow(shown, text) from None


def _start_timer() -> None:
    global _beat
    _beat = BEAT
    signal.signal(signal.SIGVTALRM, _on_beat)
    signal.setitimer(signal.ITIMER_VIRTUAL, BEAT, BEAT)


def _on_beat(_number: int, _frame: FrameType | None) -> None:
    global _seen
    if _searches % 2 and _searches == _seen:
        raise _TookTooLong
    _seen = _searches


def _too_slow(shown: str, text: str) -> SqlError:
    return SqlError(
        f"the regular expression {shorten(shown)} takes too long on a text of {len(text)} "
        "characters",
        "54001",
        hint="let it match in one way only: no repetition within a repetition, as in (a+)+",
    )
