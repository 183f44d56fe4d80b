"""Base or delta: which base fits whom, and when it is fewer bytes than what the log says."""

from __future__ import annotations

from server.hub.base import ReadBase
from server.hub.client import Listener
from server.hub.history import History
from server.hub.limits import Limits

NO_LOG_WORTH = 1_000
"""Milliseconds for which a base is sent again while there is no log to bring it up to date."""


class Choice:
    """Changes nothing. `failure` says why the engine does not answer, if so."""

    def __init__(self, history: History, limits: Limits) -> None:
        self._history = history
        self._limits = limits

    def fits(self, base: ReadBase, listener: Listener) -> bool:
        """Whether `base`, which is of the hub's epoch, can be what the listener has from now on."""
        if base.upper <= 1:
            return False  # read at time 0: the view was created this moment
        if self._history.log is not None and base.upper < self._history.log.lower:
            return False
        if base.asked <= listener.barrier:
            return False
        return not self._history.is_of_now(listener.epoch) or listener.frontier <= base.upper

    def is_good(self, base: ReadBase, listener: Listener, now: int, failure: str | None) -> bool:
        """Whether to send `base`, which must fit, rather than to read another one."""
        if not self.fits(base, listener):
            return False
        if base.asked > listener.asked or failure is not None:
            return True
        if self._history.log is None:
            return now - base.read_at <= NO_LOG_WORTH
        since = self._history.log.size_since(base.upper)
        return since <= max(self._limits.always_worth, base.message.size // 2)

    def prefers_base(self, listener: Listener, failure: str | None) -> bool:
        """Whether a base is fewer bytes than what the log says since the listener's frontier."""
        assert self._history.log is not None
        size = self._history.log.size_since(listener.frontier)
        base = self._history.base
        fits = base is not None and self.fits(base, listener)
        if (
            base is not None
            and fits
            and (size <= base.message.size or base.upper <= listener.frontier)
        ):
            return False
        folding, most = self._history.folding, self._limits.max_folded
        if size > most and (folding is None or folding.frontier != listener.frontier):
            return failure is None  # nobody knows how much is left of it, once it is folded
        folded = self._history.delta_since(listener.frontier).size
        if base is None or not fits:
            return folded > most and failure is None
        rest = self._history.log.size_since(base.upper)
        if rest <= most:
            rest = self._history.delta_since(base.upper).size
        return base.message.size + rest < folded
