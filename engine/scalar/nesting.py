"""Room for long expressions: a chain of a thousand `+` is a tree a thousand levels deep."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import SqlError

_FRAMES = 10_000


@contextmanager
def room_for_nesting() -> Iterator[None]:
    """Let what recurses over an expression go deep; beyond that SqlError 54001 is raised."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _FRAMES))
    try:
        yield
    except RecursionError:
        raise SqlError("expression is nested too deeply", "54001") from None
    finally:
        sys.setrecursionlimit(limit)
