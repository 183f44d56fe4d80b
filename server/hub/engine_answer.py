"""Answers of the engine about a view: its epoch, its rows, or why there is no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from server.framing import Message
from server.hub.epochs import Question
from viewstream.protocol import Column


class Place(NamedTuple):
    """A part of a message's payload."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The slices of a base, so that it can be decoded slice by slice."""

    columns: Sequence[Column]
    rows: Sequence[Place]
    weights: Sequence[Place] | None
    total: int
    """How many rows there are, each counted as often as it is there."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadBase:
    """A base as it was read, encoded: the engine's answer to question number `asked`."""

    upper: int
    checksum: int
    message: Message
    asked: int
    read_at: int
    is_weighted: bool = False
    """Whether `message` has weights, which not all clients take."""
    expanded: Message | None = None
    """The same without weights; None if the rows are too many to be listed one by one."""
    layout: Layout | None = None
    """The slices of `message`, if there are many."""
    columns: tuple[str, ...] = ()
    """The names of the view's columns."""

    def message_for(self, *, takes_weights: bool) -> Message | None:
        """Return the message for a client; None if there is none without weights."""
        return self.message if takes_weights or not self.is_weighted else self.expanded


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """The epoch of a view, as the engine answered a question at `received_at`."""

    question: Question
    epoch: str
    received_at: int
    base: ReadBase | None = None
    """The rows, if the question was for a base."""
    time: int | None = None
    """The engine's time, if the answer has it."""


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """The reason why a question to the engine has failed, as known at `received_at`."""

    reason: str
    received_at: int
    of_base: bool
    """Whether the question was for a base; else it was for the epoch."""
    is_missing: bool = False
    """Whether the engine has no view of that name."""
