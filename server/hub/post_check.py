"""Checks posted deltas against the engine's answers: times, widths, sums of diffs.

A delta that passes `check_delta` can still be one that every client would refuse, or that would
stop the view: its rows have not the view's columns, its diffs add up to more than a client can
count, or its `upper` is far above the time of the engine, so that the true deltas after it would be
dropped as already had.
"""

from __future__ import annotations

from collections.abc import Sequence

from viewstream.protocol import MAX_DIFF, MAX_TIME, Delta, Update

FAR = 60_000
"""Milliseconds above the engine's time from which an `upper` is refused. Some engines close times
a second ahead, and clocks are set."""


class PostCheck:
    """The facts of one epoch of a view against which each delta is checked."""

    def __init__(self) -> None:
        self.has_ended = False
        """Whether the engine has said, by a base, that the view can no longer change."""
        self.base_asked = 0
        """The number of the question that the last base answers."""
        self.base_upper = MAX_TIME
        """The `upper` of the last base."""
        self.time_asked = 0
        """The number of the last question whose answer had the engine's time."""
        self._time: int | None = None
        self._time_at = 0
        self._width: int | None = None
        self._diffs = 0

    def note_time(self, time: int, asked: int, now: int) -> None:
        """Note the engine's time, of the answer to question number `asked`."""
        self.time_asked = max(self.time_asked, asked)
        if self._time is None or time > self.time(now):
            self._time, self._time_at = time, now

    def note_base(self, upper: int, width: int, asked: int) -> bool:
        """Note a base; return False if deltas with rows of another width were taken."""
        self.base_asked, self.base_upper = max(self.base_asked, asked), upper
        self.has_ended = self.has_ended or upper == MAX_TIME
        is_consistent = not width or self._width in (None, width)
        self._width = width or self._width
        return is_consistent

    def time(self, now: int) -> int:
        """Return the time that the engine should have by now; 0 if it has told none."""
        return 0 if self._time is None else self._time + max(now - self._time_at, 0)

    def is_far(self, time: int, now: int) -> bool:
        """Whether a time is far above the engine's."""
        return self._time is not None and time > self.time(now) + FAR

    def problem(self, updates: Sequence[Update]) -> str | None:
        """Return why every client would refuse these updates after all others; None if not."""
        if not updates:
            return None
        width = len(updates[0][2])
        if self._width is not None and width != self._width:
            return f"expected rows of {self._width} values, as the view's, found {width}"
        if self._diffs + sum(abs(update[1]) for update in updates) > MAX_DIFF:
            return f"expected diffs that add up to at most {MAX_DIFF} with those before"
        return None

    def add(self, delta: Delta) -> None:
        """Note a delta that is appended to the log."""
        if delta.updates:
            self._width = len(delta.updates[0][2])
            self._diffs += sum(abs(update[1]) for update in delta.updates)

    def restart(self) -> None:
        """Forget the diffs: the log restarts."""
        self._diffs = 0
