"""A portal: a statement with its parameters, and how far it has been read. A cursor is one too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from engine.session.plan import Plan
from engine.session.rows import Rows
from engine.zset import Row, Value


@dataclass
class Portal:
    """`plan` is None for a statement without text; `rows` is None until it is first read."""

    plan: Plan | None
    parameters: Sequence[Value] = ()
    formats: Sequence[int] = ()
    rows: Rows | None = None
    spare: Sequence[Row] = ()
    """Rows that were taken from `rows` and not yet sent."""
    done: bool = False

    def close(self) -> None:
        if self.rows is not None:
            self.rows.close()


async def fetch(portal: Portal, rows: Rows, count: int | None, seconds: float | None) -> list[Row]:
    """Up to `count` rows (None: all that there are).

    Without `seconds` it waits for at least one row, and gives what is there then; with them it
    gives what comes within that time, or `count` rows as soon as there are as many. A portal
    whose rows have ended gives what is left at once.
    """
    if count == 0:
        return []
    taken = list(portal.spare)
    portal.spare = ()
    if seconds is None:
        if not taken and not portal.done:
            batch = await rows.next()
            portal.done = batch is None
            taken += batch or []
        if count is None or len(taken) < count:
            taken += rows.ready()
    else:
        await _gather(portal, rows, taken, count, seconds)
    if count is not None and len(taken) > count:
        taken, portal.spare = taken[:count], taken[count:]
    portal.done = portal.done or (rows.ended and not portal.spare)
    return taken


async def _gather(
    portal: Portal, rows: Rows, taken: list[Row], count: int | None, seconds: float
) -> None:
    """Add rows to `taken` until there are `count`, the time is over, or they end."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    taken += rows.ready()
    try:
        while not portal.done and (count is None or len(taken) < count):
            if deadline <= loop.time():
                return
            async with asyncio.timeout_at(deadline):
                batch = await rows.next()
            portal.done = batch is None
            taken += batch or []
    except TimeoutError:
        return
    except asyncio.CancelledError:
        portal.spare = taken
        raise
