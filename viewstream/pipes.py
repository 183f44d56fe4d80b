"""Behaviour of a process in a shell pipe: quiet ends, and output without a buffer."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading


def end_by_signals() -> None:
    """Let signals end this process at once and quietly, whatever it waits for.

    A handler of Python runs only when psycopg2 or a read returns, which may be never.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


def end_with_the_reader() -> None:
    """End this process once nobody reads stdout, even if it never writes again."""

    def watch() -> None:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are reported all the same
        poll.poll()
        os.kill(os.getpid(), signal.SIGPIPE)

    threading.Thread(target=watch, name="watch stdout", daemon=True).start()


class Stdout:
    """Writes to stdout without a buffer: a row is visible at once, and a slow reader slows us."""

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(sys.stdout.fileno(), view) :]
