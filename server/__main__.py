"""Runs the server: `python -m server VIEW [VIEW ..]`.

Its imports take most of a second. A signal of that time waits until `server.command` handles it: by
default SIGHUP would end the process instead of a reload, and SIGINT print a traceback. SIGUSR1 and
SIGUSR2 mean nothing; some tools send them to reopen files.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT}
    )
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    if sys.stderr is None:  # it is closed: a socket would become the place of the log
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 -- open until the end
    from server.command import main

    sys.exit(main())
