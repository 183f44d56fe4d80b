"""Proves after every fault that each client has exactly the engine's rows of each view."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg2

from scripts.faultkit.world import FOLLOWED, VIEWS, World
from viewstream.names import parse_view
from viewstream.protocol import Position, Row

PATIENCE = 60.0
"""Seconds within which every client must have converged."""
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
"""Largest memory of each process, in MB."""


class DivergedError(Exception):
    """A client, a process or an invariant is wrong; the text is the evidence."""


@dataclass(frozen=True)
class Proof:
    """The figures of one proof: seconds until convergence, rows compared, changes, memory in MB."""

    seconds: float
    compared: int
    points: int
    memory: dict[str, float]


async def prove(world: World) -> Proof:
    """Wait until every client has passed the present, and compare; raises DivergedError.

    It compares first while events flow, each client at its own frontier; then, with the source
    stopped, all clients at their lowest frontier, since nothing changes above it.
    """
    begin = time.monotonic()
    await _converge(world, await _all_present(world))
    seconds = time.monotonic() - begin
    compared = await _compare_each(world)
    world.services["source"].send(signal.SIGSTOP)
    try:
        present = await _settled(world)
        await _converge(world, present)
        compared += sum(await asyncio.gather(*(_compare_all(world, view) for view in FOLLOWED)))
    finally:
        world.services["source"].send(signal.SIGCONT)
    memory = {name: size / 1e6 for name, size in world.memory().items()}
    wrong = _wrong(world, memory)
    if wrong:
        raise DivergedError("\n".join(wrong))
    changes = sum(diary.changes for one in world.clients for diary in one.diaries.values())
    return Proof(seconds, compared, changes, memory)


def _wrong(world: World, memory: dict[str, float]) -> list[str]:
    """Return the invariants that the clients saw broken, and the processes that misbehaved."""
    wrong = [sentence for client in world.clients for sentence in client.wrong]
    if world.hostile is not None:
        wrong += world.hostile.wrong
    wrong += [
        f"{name} has {size:.0f} MB, more than {BOUNDS[name]}"
        for name, size in memory.items()
        if size > BOUNDS[name]
    ]
    return wrong + world.failures()


async def _all_present(world: World) -> dict[str, Position]:
    places = await asyncio.gather(*(_present(world, view) for view in VIEWS))
    found = dict(zip(VIEWS, places, strict=True))
    return {view: found[parse_view(view).view] for view in FOLLOWED}


async def _settled(world: World) -> dict[str, Position]:
    """Return the engine's positions once it has read everything that the stopped source wrote."""
    while True:
        present = await _all_present(world)
        rows = await _all_rows(world, present)
        await asyncio.sleep(0.3)
        if rows == await _all_rows(world, await _all_present(world)):
            return present


async def _all_rows(world: World, present: dict[str, Position]) -> list[Counter[Row]]:
    return await asyncio.gather(*(world.rows_at(view, present[view].frontier) for view in VIEWS))


async def _present(world: World, view: str) -> Position:
    """Return the view's epoch, and the time at which the engine answers a SELECT now."""
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
    """Wait until every client has passed the position `present` in every view."""

    def behind() -> list[str]:
        found = []
        for client in world.clients:
            for view, state in client.follower.states.items():
                position, at = state.position, present[view]
                if (
                    position is None
                    or position.epoch != at.epoch
                    or position.frontier <= at.frontier
                ):
                    found.append(f"{client.name} is at {position} in {view}, the engine at {at}")
        return found

    deadline = time.monotonic() + PATIENCE
    while late := behind():
        if time.monotonic() > deadline:
            raise DivergedError(f"after {PATIENCE:g} s " + "; ".join(late))
        failures = world.failures()
        if failures:
            raise DivergedError("; ".join(failures))
        await asyncio.sleep(0.05)


async def _compare_each(world: World) -> int:
    """Compare the rows of each client, as they are now, with the engine's at its frontier."""
    found: dict[tuple[str, int], dict[str, frozenset[tuple[Row, int]]]] = defaultdict(dict)
    for client in world.clients:
        for view, state in client.follower.states.items():
            if state.position is not None:  # else it waits for a base, and is compared later
                rows = frozenset(state.rows.items())
                found[view, state.position.frontier][client.name] = rows
    compared = [_compare_with_engine(world, *at, rows) for at, rows in found.items()]
    return sum(await asyncio.gather(*compared))


async def _compare_all(world: World, view: str) -> int:
    """Compare the rows of all clients with the engine's at the lowest of their frontiers."""
    rows = {}
    frontiers = []
    for client in world.clients:
        state = client.follower.states.get(view)
        if state is None:
            continue
        if state.position is None:
            raise DivergedError(f"{client.name} lost its position in {view} without a fault")
        rows[client.name] = frozenset(state.rows.items())
        frontiers.append(state.position.frontier)
    return await _compare_with_engine(world, view, min(frontiers), rows)


async def _compare_with_engine(
    world: World, view: str, frontier: int, found: dict[str, frozenset[tuple[Row, int]]]
) -> int:
    """Compare with the SELECT at `frontier - 1`; return the number of rows compared."""
    try:
        answered = await world.rows_at(view, frontier - 1)
    except psycopg2.Error as error:
        raise DivergedError(f"{view} cannot be read at {frontier - 1}: {error}") from error
    expected = frozenset(answered.items())
    for name, rows in found.items():
        if rows != expected:
            raise DivergedError(
                f"{name} at {frontier} of {view} differs from the SELECT: "
                f"more {_some(rows - expected)}, fewer {_some(expected - rows)}"
            )
    return answered.total() * len(found)


def _some(rows: Iterable[tuple[Row, int]]) -> str:
    listed = Counter(dict(rows))
    return f"{listed.total()} ({listed.most_common(3)})" if listed else "none"
