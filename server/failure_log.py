"""Tells the log which views fail, once that has lasted, and when it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

log = logging.getLogger("server")

PATIENCE = 5_000
"""Milliseconds that a failure lasts before it is worth a line.

Whoever starts everything at once starts the server before the engine is there, and before the views
are: that is no news. Clients and /healthz are told at once.
"""


class Failing(Protocol):
    """A view, as far as it can fail."""

    @property
    def name(self) -> str: ...

    @property
    def failure(self) -> str | None: ...


class _Trouble:
    """A time of failures of one view."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.told: set[str] = set()
        """Reasons that the log has: each once, though they may take turns."""


class FailureLog:
    """To be asked to `look` again and again; views that fail alike share a line."""

    def __init__(self) -> None:
        self._troubles: dict[str, _Trouble] = {}

    def look(self, views: Iterable[Failing], now: int) -> None:
        """Log what is new. `now` in milliseconds."""
        fail: dict[str, list[str]] = {}
        over: list[str] = []
        for view in views:
            reason = view.failure
            if reason is None:
                trouble = self._troubles.pop(view.name, None)
                if trouble is not None and trouble.told:
                    over.append(view.name)
                continue
            trouble = self._troubles.setdefault(view.name, _Trouble(now))
            if now - trouble.since >= PATIENCE and reason not in trouble.told:
                trouble.told.add(reason)
                fail.setdefault(reason, []).append(view.name)
        for reason, names in fail.items():
            log.warning("%s: %s", _views(names), reason)
        if over:
            log.info("%s: the engine answers again", _views(over))


def _views(names: list[str]) -> str:
    return f"{'view' if len(names) == 1 else 'views'} {', '.join(names)}"
