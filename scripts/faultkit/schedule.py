"""Draws faults by a seed: the deck of all kinds is shuffled, dealt, and shuffled again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from scripts.faultkit.proxy import PostFault
from scripts.faultkit.world import OTHER_QUERIES, SIDES

SCRIPTS = ("tail_view", "post_deltas")
PROCESSES = (
    "engine",
    "source",
    *(f"{name} {side}" for name in ("server", "pipeline", *SCRIPTS) for side in SIDES),
)
DECK = (
    *product(("kill", "stop", "restart"), PROCESSES),
    *(("posts", f"{fault.name.lower()} {side}") for fault, side in product(PostFault, SIDES)),
    *(("websockets", side) for side in SIDES),
    ("disk", "full"),
    ("clock", "forward"),
    ("clock", "back"),
    ("keys", "rotate"),
    *2 * tuple(("replace", view) for view in OTHER_QUERIES),  # by another query, and back
)
"""All faults, as (kind, target)."""
LONGEST = 4.0
"""Seconds that a fault lasts at most."""


@dataclass(frozen=True)
class Fault:
    """One fault: `seconds` is its duration, `chance` a number from 0 to 1 for its other choices."""

    number: int
    kind: str
    target: str
    seconds: float
    chance: float

    @property
    def pipeline(self) -> str | None:
        """The side whose pipeline it hits, which a server with `--tail` has not; or None."""
        name, _, side = self.target.partition(" ")
        return side if self.kind == "posts" or name in ("pipeline", *SCRIPTS) else None

    def __str__(self) -> str:
        return f"{self.kind} {self.target} ({self.seconds:.1f} s)"


def schedule(seed: int) -> Iterator[Fault]:
    """Yield faults without end, always the same for one seed."""
    chance = random.Random(seed)  # noqa: S311 -- a seed is what is wanted
    number = 0
    while True:
        for kind, target in chance.sample(DECK, len(DECK)):
            number += 1
            # Mostly short, sometimes long: a process returns at any stage of recovery.
            seconds = LONGEST * chance.random() ** 2
            yield Fault(number, kind, target, seconds, chance.random())
