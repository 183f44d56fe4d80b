"""The history window: how far back times can still be read, measured in time that passed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_MARKS = 100
"""Into how many steps the window is divided; its start moves by one such step."""


class Window:
    """Knows which engine time was current a `length` (milliseconds) ago.

    What counts is the time that passed by `steady` (seconds): a wall clock that jumps ahead does
    not make the history of the last minutes old. Before `begin`, time is taken to have passed at
    its usual speed.
    """

    def __init__(self, length: int, steady: Callable[[], float], begin: int) -> None:
        self._length = length / 1000
        self._steady = steady
        self._step = self._length / _MARKS
        self._marks = deque([(steady() - self._length, max(0, begin - length))])
        self._marks.append((steady(), begin))

    @property
    def start(self) -> int:
        """The earliest time that is still within the window."""
        return self._marks[0][1]

    def mark(self, time: int) -> None:
        """Tell that `time` is the last closed one now."""
        now = self._steady()
        if now - self._marks[-1][0] >= self._step:
            self._marks.append((now, time))
        while len(self._marks) > 1 and self._marks[1][0] <= now - self._length:
            self._marks.popleft()
