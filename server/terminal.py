"""The terminal of a server that was started by hand."""

from __future__ import annotations

import sys


class Terminal:
    """Notices that the terminal was closed, which SIGHUP reports as it reports a reload."""

    def __init__(self) -> None:
        self._existed = sys.stderr.isatty()

    @property
    def is_closed(self) -> bool:
        """Whether stderr was a terminal and is none any more."""
        return self._existed and not sys.stderr.isatty()
