"""`python -m engine`: the embedded engine, listening for PostgreSQL clients.

Its imports take most of a second. A signal of that time waits until `engine.command` handles it:
SIGINT would print a traceback, and the first process of a container ignores SIGTERM.
"""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":
    signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT}
    )
    from engine.command import main

    sys.exit(main())
