"""The states of a listener, and the one table of transitions between them.

A listener is one client's subscription to one view. docs/architecture.md has the drawing.
`Fanout.move` applies the table; nothing else changes a listener's state.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """The state of a listener, by what it needs next; its data are named in brackets."""

    __hash__ = object.__hash__  # members are compared by identity, and Enum's own hash is slow

    CHECKING_EPOCH = "it came with an epoch that the hub does not have: the engine is asked [asked]"
    WAITING_FOR_BASE = "only a base can help it [asked, barrier]"
    RESUMING = "it is at a position and must be sent something, even if nothing is new [position]"
    CATCHING_UP = "it is at a position below the head, or the view has no log yet [position]"
    AHEAD = "it is at a position that the next flush will reach [position]"
    LIVE = "it is where its view was last flushed, and gets every flush"
    GONE = "its client has disconnected"


HAS_NOTHING = frozenset({State.CHECKING_EPOCH, State.WAITING_FOR_BASE})
"""States in which the client is shown `waiting`."""


class Event(Enum):
    """Everything that can happen to a listener."""

    __hash__ = object.__hash__

    EPOCH_DENIED = "an answer to a later question names another epoch"
    BASE_SENT = "a base was sent, all of it or the beginning"
    BASE_IN_VAIN = "the engine has no base that fits; the log reaches the position"
    BASE_NEEDED = "the log does not reach the position, or a base is fewer bytes"
    ANSWERED = "a delta was sent to a client that resumed"
    CAUGHT_UP = "it is where its view was last flushed, and its client can be written to"
    PASSED_FLUSH = "it is above the point where its view was last flushed"
    FLUSHED = "its view was flushed up to its frontier or further"
    BLOCKED = "its client's socket takes nothing more"
    LOG_RESTARTED = "the log restarted or ended, and the hub's epoch is the listener's"
    EPOCH_CHANGED = "the log restarted or ended, and the hub's epoch is not the listener's"
    LEFT = "its client disconnected"


class Action(Enum):
    """The work that follows a transition; entering or leaving LIVE and AHEAD has its own."""

    NOTHING = "nothing"
    SERVE = "queue it: something may be sent to it"
    AWAIT_BASE = "note which questions have been asked, and queue it"
    AWAIT_LATER_BASE = "accept only a base that was asked for after it came, and queue it"


_CHECKING, _WAITING = State.CHECKING_EPOCH, State.WAITING_FOR_BASE
_RESUMING, _CATCHING_UP = State.RESUMING, State.CATCHING_UP
_AHEAD, _LIVE, _GONE = State.AHEAD, State.LIVE, State.GONE

TRANSITIONS: dict[tuple[State, Event], tuple[State, Action]] = {
    (_CHECKING, Event.EPOCH_DENIED): (_WAITING, Action.AWAIT_LATER_BASE),
    (_CHECKING, Event.LOG_RESTARTED): (_RESUMING, Action.SERVE),
    (_CHECKING, Event.EPOCH_CHANGED): (_CHECKING, Action.SERVE),
    (_CHECKING, Event.LEFT): (_GONE, Action.NOTHING),
    (_WAITING, Event.BASE_SENT): (_CATCHING_UP, Action.NOTHING),
    (_WAITING, Event.BASE_IN_VAIN): (_RESUMING, Action.NOTHING),
    (_WAITING, Event.LOG_RESTARTED): (_WAITING, Action.SERVE),
    (_WAITING, Event.EPOCH_CHANGED): (_WAITING, Action.AWAIT_BASE),
    (_WAITING, Event.LEFT): (_GONE, Action.NOTHING),
    (_RESUMING, Event.BASE_NEEDED): (_WAITING, Action.AWAIT_BASE),
    (_RESUMING, Event.ANSWERED): (_CATCHING_UP, Action.NOTHING),
    (_RESUMING, Event.LOG_RESTARTED): (_RESUMING, Action.SERVE),
    (_RESUMING, Event.EPOCH_CHANGED): (_WAITING, Action.AWAIT_BASE),
    (_RESUMING, Event.LEFT): (_GONE, Action.NOTHING),
    (_CATCHING_UP, Event.BASE_NEEDED): (_WAITING, Action.AWAIT_BASE),
    (_CATCHING_UP, Event.CAUGHT_UP): (_LIVE, Action.NOTHING),
    (_CATCHING_UP, Event.PASSED_FLUSH): (_AHEAD, Action.NOTHING),
    (_CATCHING_UP, Event.LOG_RESTARTED): (_CATCHING_UP, Action.SERVE),
    (_CATCHING_UP, Event.EPOCH_CHANGED): (_WAITING, Action.AWAIT_BASE),
    (_CATCHING_UP, Event.LEFT): (_GONE, Action.NOTHING),
    (_AHEAD, Event.FLUSHED): (_CATCHING_UP, Action.SERVE),
    (_AHEAD, Event.LOG_RESTARTED): (_CATCHING_UP, Action.SERVE),
    (_AHEAD, Event.EPOCH_CHANGED): (_WAITING, Action.AWAIT_BASE),
    (_AHEAD, Event.LEFT): (_GONE, Action.NOTHING),
    (_LIVE, Event.BLOCKED): (_CATCHING_UP, Action.NOTHING),
    (_LIVE, Event.LOG_RESTARTED): (_CATCHING_UP, Action.SERVE),
    (_LIVE, Event.EPOCH_CHANGED): (_WAITING, Action.AWAIT_BASE),
    (_LIVE, Event.LEFT): (_GONE, Action.NOTHING),
}
"""A pair that is not here cannot happen: it is an error."""
