"""The table of a listener's states: complete, drawn in the docs, and followed by the hub."""

from __future__ import annotations

import re

import pytest

from server.hub.states import TRANSITIONS, Action, Event, State
from tests.server.world import Follower, World
from tests.support.processes import ROOT


def test_the_docs_have_the_table_as_it_is() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    found = {
        (State[before], Event[event.replace(" ", "_").upper()]): (
            State[after],
            Action[action.replace(" ", "_").upper()] if action else Action.NOTHING,
        )
        for before, event, after, action in re.findall(
            r"^\| ([A-Z_]+) \| ([a-z ]+) \| ([A-Z_]+) \| ([a-z ]*?) ?\|$", text, re.MULTILINE
        )
    }
    assert found == TRANSITIONS


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_left_and_only_gone_is_final(state: State) -> None:
    leaves = {after for (before, _), (after, _) in TRANSITIONS.items() if before is state}
    assert (State.GONE in leaves) == (state is not State.GONE)
    breaks = {event for (before, event) in TRANSITIONS if before is state}
    expected = set() if state is State.GONE else {Event.LOG_RESTARTED, Event.EPOCH_CHANGED}
    assert breaks & {Event.LOG_RESTARTED, Event.EPOCH_CHANGED} == expected


def test_every_state_can_be_reached() -> None:
    reached = {State.CHECKING_EPOCH, State.WAITING_FOR_BASE, State.RESUMING}
    while True:
        after = {new for (old, _), (new, _) in TRANSITIONS.items() if old in reached}
        if after <= reached:
            break
        reached |= after
    assert reached == set(State)


def test_an_event_that_cannot_happen_is_an_error() -> None:
    world = World()
    server = world.servers[0]
    world.work(server)
    follower = Follower()
    world.connect(server, follower)
    server.turn()
    (listener,) = server.view.listeners
    assert listener.state is State.LIVE
    with pytest.raises(KeyError):
        server.hub._fanout.move(listener, Event.FLUSHED)
