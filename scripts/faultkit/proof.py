"""What must be so after every fault, for every client and view."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg2

from scripts.faultkit.clients import Client
from scripts.faultkit.world import VIEWS, World
from viewstream.protocol import Position, Row

PATIENCE = 60.0
"""Seconds within which everything must have converged."""
BOUNDS = {
    "engine": 500,
    "source": 150,
    "server a": 300,
    "server b": 300,
    "pipeline a": 100,
    "pipeline b": 100,
    "tail_view": 120,
    "post_deltas": 250,
}
"""Megabytes that each process may have."""


class DivergedError(Exception):
    """Something that must be so is not; the text says what, and where."""


@dataclass(frozen=True)
class Proof:
    """What was proved: `seconds` until all had converged, the rows compared, the memory in MB."""

    seconds: float
    compared: int
    points: int
    memory: dict[str, float]


async def prove(world: World) -> Proof:
    """Wait until every client has passed the present, and compare; raises DivergedError.

    First while events flow, each client where it stands; then with the source stopped, all of
    them at one frontier: the lowest one, since nothing changes between it and the others.
    """
    begin = time.monotonic()
    await _converge(world, await _all_present(world))
    seconds = time.monotonic() - begin
    compared = 0
    for client in world.clients:
        for view in VIEWS:
            compared += await _compare(world, client, view)
    world.services["source"].send(signal.SIGSTOP)
    try:
        present = await _settled(world)
        await _converge(world, present)
        for view in VIEWS:
            compared += await _compare_all(world, view)
    finally:
        world.services["source"].send(signal.SIGCONT)
    memory = {name: size / 1e6 for name, size in world.memory().items()}
    wrong = _wrong(world, memory)
    if wrong:
        raise DivergedError("\n".join(wrong))
    changes = sum(diary.changes for one in world.clients for diary in one.diaries.values())
    return Proof(seconds, compared, changes, memory)


def _wrong(world: World, memory: dict[str, float]) -> list[str]:
    """What the clients saw, and what the processes did, that must not be."""
    wrong = [
        f"{client.name}: {sentence}"
        for client in world.clients
        for diary in client.diaries.values()
        for sentence in diary.wrong
    ]
    if world.hostile is not None:
        wrong += world.hostile.wrong
    wrong += [
        f"{name} has {memory[name]:.0f} MB, more than {bound}"
        for name, bound in BOUNDS.items()
        if memory[name] > bound
    ]
    return wrong + world.failures()


async def _all_present(world: World) -> dict[str, Position]:
    places = await asyncio.gather(*(_present(world, view) for view in VIEWS))
    return dict(zip(VIEWS, places, strict=True))


async def _settled(world: World) -> dict[str, Position]:
    """The present, once the engine has read all that the stopped source wrote."""
    while True:
        present = await _all_present(world)
        rows = [await world.rows_at(view, present[view].frontier) for view in VIEWS]
        await asyncio.sleep(0.3)
        later = await _all_present(world)
        again = [await world.rows_at(view, later[view].frontier) for view in VIEWS]
        if rows == again:
            return present


async def _present(world: World, view: str) -> Position:
    """The epoch that the engine names now, and the time at which it answers a SELECT."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            before = await world.epoch(view)
            now = await world.time(view)
            if before == await world.epoch(view):
                return Position(before, now)
        except (psycopg2.Error, LookupError) as error:
            if time.monotonic() > deadline:
                raise DivergedError(f"the engine does not answer for {view}: {error}") from error
        await asyncio.sleep(0.1)


async def _converge(world: World, present: dict[str, Position]) -> None:
    """Wait until every client stands above the present in every view."""

    def behind() -> list[str]:
        found = []
        for client in world.clients:
            for view, at in present.items():
                stand = client.follower.states[view].position
                if stand is None or stand.epoch != at.epoch or stand.frontier <= at.frontier:
                    found.append(f"{client.name} stands at {stand} in {view}, the engine at {at}")
        return found

    deadline = time.monotonic() + PATIENCE
    while late := behind():
        if time.monotonic() > deadline:
            raise DivergedError(f"after {PATIENCE:g} s " + "; ".join(late))
        failures = world.failures()
        if failures:
            raise DivergedError("; ".join(failures))
        await asyncio.sleep(0.05)


async def _compare(world: World, client: Client, view: str) -> int:
    """Hold what the client has now against the engine's rows at that time."""
    stand = client.follower.states[view].position
    if stand is None:
        return 0  # on its way to a base: the comparison with the others is still to come
    held = frozenset(client.follower.states[view].rows.items())
    return await _hold_against(world, view, stand.frontier, {client.name: held})


async def _compare_all(world: World, view: str) -> int:
    """Hold what all clients have against the engine's rows at the lowest of their frontiers."""
    held = {}
    frontiers = []
    for client in world.clients:
        state = client.follower.states[view]
        if state.position is None:
            raise DivergedError(f"{client.name} lost its place in {view} though nothing happened")
        held[client.name] = frozenset(state.rows.items())
        frontiers.append(state.position.frontier)
    return await _hold_against(world, view, min(frontiers), held)


async def _hold_against(
    world: World, view: str, frontier: int, held: dict[str, frozenset[tuple[Row, int]]]
) -> int:
    """Compare with the SELECT at `frontier` - 1; returns how many rows were compared."""
    try:
        answered = await world.rows_at(view, frontier - 1)
    except psycopg2.Error as error:
        raise DivergedError(f"the engine does not say {view} at {frontier - 1}: {error}") from error
    expected = frozenset(answered.items())
    for name, rows in held.items():
        if rows != expected:
            raise DivergedError(
                f"{name} at {frontier} of {view} differs from the SELECT: "
                f"more {_some(rows - expected)}, fewer {_some(expected - rows)}"
            )
    return answered.total() * len(held)


def _some(rows: Iterable[tuple[Row, int]]) -> str:
    listed = Counter(dict(rows))
    return f"{listed.total()} ({listed.most_common(3)})" if listed else "none"
