"""A beat for each half second of processor time: it can end what would take too long."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 0.5
"""Processor time between two beats."""


@contextmanager
def beating(
    on_beat: Callable[[FrameType | None], None], seconds: float = SECONDS
) -> Iterator[None]:
    """Call `on_beat` in the main thread at each beat, with the frame that is being run.

    What it raises ends what is being done.

    To be entered in the main thread. The timer is stopped at the end: Python forgets its handlers
    before it ends, and a beat after that would kill the process.
    """
    before = signal.signal(signal.SIGVTALRM, lambda _number, frame: on_beat(frame))
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
