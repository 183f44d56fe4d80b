"""`python -m engine`: the embedded engine, listening for PostgreSQL clients.

Its imports take most of a second. A signal of that time waits until `engine.command` handles it:
SIGINT would print a traceback, and the first process of a container ignores SIGTERM.
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
    if sys.stderr is None:  # it is closed: a socket would become the place of the log
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 -- open until the end
    from engine.command import main

    sys.exit(main())
