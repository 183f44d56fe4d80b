"""Base or delta: which bases a listener can use, and which answer is fewer bytes.

Only decides, from sizes that are known. Where a delta has to be folded before its size is known,
the answer is `FOLD`; `Serving` folds it and asks `after_folding`.
"""

from __future__ import annotations

from enum import Enum

from server.hub.engine_answer import ReadBase
from server.hub.history import History
from server.hub.limits import Limits
from server.hub.listener import Listener

LOGLESS_REUSE = 1_000
"""Milliseconds for which a base is sent again while no log exists to continue it."""


class Choice(Enum):
    """How to bring a listener to the head."""

    BASE = "by a base, the one at hand or one that has to be read"
    DELTA = "by one delta"
    FOLD = "the delta has to be folded before its size is known"


class BaseOrDelta:
    """Decides for the listeners of one view. `is_failing`: the engine gives no base at present."""

    def __init__(self, history: History, limits: Limits) -> None:
        self._history = history
        self._limits = limits

    def is_usable(self, base: ReadBase) -> bool:
        """Whether `base`, which is of the hub's epoch, can be brought to the head."""
        if base.upper <= 1:
            return False  # read at time 0: the view was created this moment
        return self._history.log is None or base.upper >= self._history.log.lower

    def fits(self, base: ReadBase, listener: Listener) -> bool:
        """Whether `base`, which is of the hub's epoch, can replace what the listener has."""
        if not self.is_usable(base):
            return False
        if base.asked <= listener.barrier:
            return False
        return not self._history.has_epoch(listener.epoch) or listener.frontier <= base.upper

    def fitting_base(self, listener: Listener) -> ReadBase | None:
        """Return the last base that was read, if it fits."""
        base = self._history.base
        return base if base is not None and self.fits(base, listener) else None

    def is_worth_sending(self, base: ReadBase, asked: int, now: int, *, is_failing: bool) -> bool:
        """Whether to send `base`, which must fit, and not to read another one.

        `asked` is the last question when the client came, or began to wait.
        """
        if base.asked > asked or is_failing:
            return True
        if self._history.log is None:
            return now - base.read_at <= LOGLESS_REUSE
        since = self._history.log.size_since(base.upper)
        return since <= max(self._limits.base_reuse_bytes, base.message.size // 2)

    def before_folding(self, listener: Listener, *, is_failing: bool) -> Choice:
        """Decide by the sizes of the log and of the base, as far as that goes."""
        history = self._history
        assert history.log is not None
        size, base = history.log.size_since(listener.frontier), self.fitting_base(listener)
        if base is not None and (size <= base.message.size or base.upper <= listener.frontier):
            return Choice.DELTA
        folding, most = history.folded.unfinished, self._limits.fold_at_once
        if size > most and (folding is None or folding.frontier != listener.frontier):
            # Too much to fold at once: nobody knows how much would be left of it.
            return Choice.DELTA if is_failing else Choice.BASE
        return Choice.FOLD

    def after_folding(
        self, base: ReadBase | None, folded: int, rest: int, *, is_failing: bool
    ) -> Choice:
        """Decide by the size of the folded delta, and of the `rest` that would follow `base`."""
        if base is not None:
            return Choice.BASE if base.message.size + rest < folded else Choice.DELTA
        is_large = folded > self._limits.fold_at_once
        return Choice.BASE if is_large and not is_failing else Choice.DELTA
