"""Which epoch of a view is the present one. The engine decides, and its answers may be late."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the engine: its number, and how often the epoch had changed by then."""

    number: int
    changes: int


class Verdict(Enum):
    """The meaning of an answer for the history that the hub has."""

    SAME = "it names the epoch that the hub has"
    CHANGED = "it names another: the history that the hub had has ended"
    LATE = "it disagrees, and was asked before the last change: ask again"


class Epochs:
    """The epoch that the hub has for a view, and the questions that established it."""

    def __init__(self) -> None:
        self.current: str | None = None
        self.changes = 0
        self.asked = 0
        """The number of the last question asked."""
        self.settled = 0
        """The number of the last question whose answer agrees with `current`."""

    def ask(self) -> Question:
        self.asked += 1
        return Question(self.asked, self.changes)

    def settle(self, question: Question, epoch: str) -> Verdict:
        """Apply the engine's answer to `question`."""
        if epoch == self.current:
            self.settled = max(self.settled, question.number)
            return Verdict.SAME
        if question.changes < self.changes:
            return Verdict.LATE
        self.current = epoch
        self.changes += 1
        self.settled = question.number
        return Verdict.CHANGED
