"""honcho, for processes that are never left behind.

honcho runs processes side by side, each in a session of its own, prints what they print, and ends
all when one ends. Here they also end when this process is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from types import FrameType
from typing import Any

from honcho.manager import Manager
from honcho.printer import Printer
from honcho.process import Popen, Process

from scripts.pipeline import die_with_the_parent


class BoundProcess(Process):  # type: ignore[misc]  # honcho has no types
    """A process that does not outlive this one, even if this one is killed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bind = die_with_the_parent(signal.SIGKILL)
        self._child_ctor = lambda command, **more: Popen(
            command, preexec_fn=die_with_the_parent(), **more
        )

    def run(self, *arguments: Any, **options: Any) -> None:
        """Run it, in the process that honcho forks for it."""
        if self._bind is not None:
            self._bind()
        super().run(*arguments, **options)


class BoundManager(Manager):  # type: ignore[misc]  # honcho has no types
    """honcho's manager, which can also be told to end before all has started."""

    def __init__(self, printer: Printer) -> None:
        # A fork's parent is this process; that of other kinds of start is not.
        multiprocessing.set_start_method("fork", force=True)
        super().__init__(printer)
        self._process_ctor = BoundProcess

    def loop(self) -> None:
        """Run all until one ends, or a signal comes; also if the terminal is closed."""
        signal.signal(signal.SIGHUP, _as_sigterm)
        super().loop()

    def terminate(self) -> None:
        if self._all_started():
            super().terminate()
        else:
            threading.Timer(0.05, self.terminate).start()


def _as_sigterm(number: int, frame: FrameType | None) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
