"""The parts that count for a network: those that its clients follow, or that it left last."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from server.hub.network_parts import NetworkParts

A, B = "1.2.3.4", "1.2.3.5"


def test_a_part_counts_for_the_networks_of_all_its_clients() -> None:
    parts = NetworkParts()
    parts.on_opened("p", A)
    assert (parts.parts_of(A), parts.parts_of(B)) == ({"p"}, frozenset())
    parts.on_subscribed("p", B)
    assert (parts.parts_of(A), parts.parts_of(B)) == (frozenset(), {"p"}), "A's never came"
    parts.on_opened("p", A)
    parts.on_subscribed("p", A)
    parts.on_subscribed("p", A)
    parts.on_unsubscribed("p", A)
    assert (parts.parts_of(A), parts.parts_of(B)) == ({"p"}, {"p"})
    parts.on_unsubscribed("p", A)
    assert (parts.parts_of(A), parts.parts_of(B)) == (frozenset(), {"p"})
    parts.on_unsubscribed("p", B)
    assert parts.parts_of(B) == {"p"}, "it is kept for the client that was the last to leave"
    parts.on_closed("p")
    assert parts.parts_of(B) == frozenset()


@pytest.mark.parametrize("seed", range(20))
def test_random_clients_come_and_go(seed: int) -> None:
    """The count is that of the clients and the idle parts, and nothing stays behind."""
    chance = random.Random(seed)
    parts = NetworkParts()
    clients: Counter[tuple[str, str]] = Counter()
    idle: dict[str, str] = {}
    for _ in range(300):
        part, network = chance.choice("pqr"), chance.choice("ABC")
        followed = {name for name, _ in +clients}
        match chance.choice(("open", "subscribe", "unsubscribe", "close")):
            case "open":
                parts.on_opened(part, network)
                if part not in followed:
                    idle[part] = network
            case "subscribe":
                parts.on_subscribed(part, network)
                clients[part, network] += 1
                idle.pop(part, None)
            case "unsubscribe" if clients[part, network]:
                parts.on_unsubscribed(part, network)
                clients[part, network] -= 1
                if not any(name == part for name, _ in +clients):
                    idle[part] = network
            case "close" if part not in followed:
                parts.on_closed(part)
                idle.pop(part, None)
        for one in "ABC":
            followed_by = {name for name, of in +clients if of == one}
            assert parts.parts_of(one) == followed_by | {p for p, of in idle.items() if of == one}
    for part, network in list((+clients).elements()):
        parts.on_unsubscribed(part, network)
    for part in "pqr":
        parts.on_closed(part)
    assert not parts._parts
    assert not parts._clients
    assert not parts._idle
