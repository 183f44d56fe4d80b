"""A client of the tests: follows views, and looks at every consistent point that it passes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from viewstream.client import Stream
from viewstream.client.change import Change
from viewstream.client.state import ViewState
from viewstream.protocol import Row

PATIENCE = 90.0


class Witness:
    """The rows of a client at every consistent point: (epoch, upper, rows)."""

    def __init__(self, follower: Stream) -> None:
        self.follower = follower
        self.points: dict[str, list[tuple[str, int, Counter[Row]]]] = {}

    def saw(self, state: ViewState, change: Change) -> None:
        points = self.points.setdefault(state.view, [])
        if points and change.lower is not None:  # invariant 2: the intervals are adjacent
            assert (change.epoch, change.lower) == points[-1][:2]
        points.append((change.epoch, change.upper, Counter(state.rows)))

    def rows(self, view: str) -> Counter[Row]:
        return Counter(self.follower.states[view].rows)

    async def until(self, condition: Callable[[], object]) -> None:
        await self.follower.until(condition, PATIENCE)

    async def until_rows(self, view: str, *rows: Row) -> None:
        """Wait until the view has just these rows."""
        try:
            await self.until(lambda: self.rows(view) == Counter(rows))
        except TimeoutError:
            found = self.rows(view)
            raise AssertionError(f"expected {view} to become {rows}, found {found}") from None


@asynccontextmanager
async def following(url: str, *views: str) -> AsyncIterator[Witness]:
    """A client that follows the views while the block runs; its own failures end the block."""
    stream = Stream(url, views, on_change=lambda state, change: witness.saw(state, change))
    witness = Witness(stream)
    running = asyncio.create_task(stream.run())
    try:
        yield witness
        if running.done():
            running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
