"""Exit statuses of `tail_view.py` and `post_deltas.py`: the contract with their supervisor.

`docs/protocol.md` describes them for supervisors that are not written in Python.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """How a script ended, and whether starting it again can help."""

    ENDED = 0
    """All was done: the view can no longer change, or the input has ended."""
    FAILED = 1
    """Something failed that may be over soon (an engine or a server is away): try again."""
    USAGE = 2
    """The command line is wrong; argparse exits with this status, too."""
    REFUSED = 3
    """Refused for good: starting the same command again gives the same refusal."""
