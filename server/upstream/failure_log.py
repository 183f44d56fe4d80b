"""Logs which views fail, once that has lasted a few seconds, and when they recover."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

log = logging.getLogger("server")

PATIENCE = 5_000
"""Milliseconds that a failure lasts before it is logged.

A script that starts everything at once starts the server before the engine and before the views
exist: that is not worth a line. Clients and /healthz see a failure at once.
"""

AWAY = "the engine does not answer"
"""How a reason begins if the engine is away: one line until it is back, however it shows."""


class ViewState(Protocol):
    """The part of a view's report that this log reads."""

    @property
    def name(self) -> str: ...

    @property
    def failure(self) -> str | None: ...

    @property
    def audit_mismatches(self) -> int: ...


class _Failure:
    """An unbroken time of failures of one view."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.logged: set[str] = set()
        """Reasons in the log: each is logged once, even if they alternate."""


class FailureLog:
    """Call `update` about once a second. Views that fail for one reason share a line.

    `detail` gives the engine's own words about a view's failure, which are only for the log.
    """

    def __init__(self, detail: Callable[[str], str] = lambda view: "") -> None:
        self._detail = detail
        self._failures: dict[str, _Failure] = {}
        self._mismatches: dict[str, int] = {}

    def update(self, views: Iterable[ViewState], now: int) -> None:
        """Log what is new; `now` is in milliseconds."""
        failing: dict[tuple[str, str], list[str]] = {}
        recovered: list[str] = []
        for view in views:
            self._log_mismatch(view)
            reason = view.failure
            if reason is None:
                failure = self._failures.pop(view.name, None)
                if failure is not None and failure.logged:
                    recovered.append(view.name)
                continue
            failure = self._failures.setdefault(view.name, _Failure(now))
            kind = AWAY if reason.startswith(AWAY) else reason
            if now - failure.since >= PATIENCE and kind not in failure.logged:
                failure.logged.add(kind)
                detail = self._detail(view.name)
                failing.setdefault((reason, detail), []).append(view.name)
        for (reason, detail), names in failing.items():
            log.warning("%s: %s%s", _views(names), reason, f" ({detail})" if detail else "")
        if recovered:
            log.info("%s: the engine answers again", _views(recovered))

    def _log_mismatch(self, view: ViewState) -> None:
        mismatches = view.audit_mismatches
        if mismatches > self._mismatches.get(view.name, 0):
            self._mismatches[view.name] = mismatches
            log.warning(
                "view %s: a base is not what the TAIL came to (%d times so far)",
                view.name,
                mismatches,
            )


def _views(names: list[str]) -> str:
    return f"{'view' if len(names) == 1 else 'views'} {', '.join(names)}"
