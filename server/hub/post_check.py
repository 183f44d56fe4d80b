"""Decides about posted deltas by the engine's answers: times, widths, sums of diffs.

A delta that passes `check_delta` can still be one that every client would refuse, or that would
stop the view: its rows have not the view's columns, its diffs add up to more than a client can
count, or its `upper` is far above the time of the engine, so that the true deltas after it would be
dropped as already had.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from server.framing import Message
from viewstream.protocol import MAX_DIFF, MAX_TIME, Delta, Update

FAR = 60_000
"""Milliseconds above the engine's time from which an `upper` is refused. Some engines close times
a second ahead, and clocks are set."""


class Post(NamedTuple):
    """A delta of a pipeline, or of the server's own TAIL."""

    delta: Delta
    received_at: int
    asked: int
    """The number of the last question to the engine about its view when the delta came."""


class Outcome(Enum):
    """The result of a POST."""

    __hash__ = object.__hash__  # members are compared by identity, and Enum's own hash is slow

    TAKEN = "its updates are in the log"
    HAD = "the log had all of it already"
    GAP = "it begins above the head, and the missing part may yet come"
    ENDED = "its epoch has ended"
    UNKNOWN = "the hub does not have its epoch: ask the engine"
    AHEAD = "it ends far above the engine's time, as far as that is known: ask the engine"
    REFUSED = "every client would refuse it, or it would stop the view"


class Extended(NamedTuple):
    """The outcome of a POST; `delta` is the new part, and `message` that for clients."""

    outcome: Outcome
    delta: Delta | None = None
    message: Message | None = None
    reason: str = ""
    """Why it was refused."""


class PostCheck:
    """The facts of one epoch of a view against which each delta is checked."""

    def __init__(self) -> None:
        self.has_ended = False
        """Whether the engine has said, by a base, that the view can no longer change."""
        self.is_still = False
        """Whether a pipeline said that the view can no longer change, and the engine did not."""
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

    def decide(self, post: Post, head: int) -> Delta | Extended:
        """Return the delta, as far as a log with that head can take it, or why it cannot be."""
        delta, now, asked = post.delta, post.received_at, post.asked
        problem = self.problem(delta.updates)
        if problem is not None:
            return Extended(Outcome.REFUSED, reason=problem)
        is_end = delta.upper == MAX_TIME and not self.has_ended
        if is_end and self.base_asked <= asked:
            return Extended(Outcome.AHEAD)
        last = delta.updates[-1][0] if delta.updates else 0
        if self.is_far(last if is_end else delta.upper, now) and not self.has_ended:
            if self.time_asked <= asked:
                return Extended(Outcome.AHEAD)
            reason = f"expected an upper of at most {self.time(now)}, the engine's time, and {FAR}"
            return Extended(Outcome.REFUSED, reason=f"{reason} ms more, found {delta.upper}")
        self.is_still = is_end
        return self._until_now(delta, max(self.time(now), head, last + 1)) if is_end else delta

    def _until_now(self, delta: Delta, upper: int) -> Delta:
        """Cut what a delta says about all times to come: the engine says that more may come.

        That is so of a view that is empty for ever, as only the optimizer knows: its TAIL ends, and
        its SELECT has the present time. Its head then follows the engine's time.
        """
        lower = min(delta.lower, upper, self.base_upper)  # of a base asked for after the end
        return Delta(delta.view, delta.epoch, lower, upper, delta.updates)

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
        """Return the time that the engine should have by now; 0 if no answer had one."""
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
