"""`scripts/demo --check`: starts the demo on free ports and proves that its views are exact.

It follows each view as any websocket client would and compares the rows that it holds at its
frontier F with what the engine says of `F - 1`: invariant 1 of docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import psycopg2

from scripts.child import Child, python_module
from scripts.ports import HOST, free_port
from scripts.serving.demo_plan import INTERNAL, demo_views
from scripts.serving.plan import embedded_dsn
from scripts.supervisor import run_until_first_ends
from scripts.text_query import rows_at
from viewstream.client import FollowError, Stream
from viewstream.client.state import ViewState
from viewstream.protocol import Row

PATIENCE = 240.0
"""Seconds until all views must have been proved: long, since a slow machine is no failure."""

_RATE = 200
_ROUNDS = 3
_RARE_CHANGES = {
    "biggest_changes": 1,
    "mz_views": 0,
    "mz_dataflow_operator_dataflows": 0,
    "mz_dataflow_operator_addresses": 0,
    "mz_dataflow_channels": 0,
}
"""A list of the largest changes less and less often as it fills, on a slow machine before it is
followed. Tables of the engine change once a second, or never in the demo."""
_CHANGES = 3
"""How many times a view must have changed before each proof, so that there is something to it."""


class CheckError(Exception):
    """A proof has failed; the text says how."""


def check(*, has_pipes: bool = True) -> int:
    """Run the check, print a line per view, and return the exit status."""
    try:
        return asyncio.run(_check(has_pipes))
    except KeyboardInterrupt:
        return 130


async def _check(has_pipes: bool) -> int:
    port, engine_port = free_port(), free_port()
    dsn = embedded_dsn(engine_port)
    try:
        async with _demo(port, engine_port, has_pipes) as demo, asyncio.timeout(PATIENCE):
            follower = Stream(f"http://{HOST}:{port}", demo_views())
            await run_until_first_ends([_prove(follower, dsn), follower.run(), _fail_at_end(demo)])
    except TimeoutError:
        failure = f"not all views were there and proved within {PATIENCE:g} s"
    except (CheckError, FollowError, psycopg2.Error) as error:
        failure = str(error).strip()
    else:
        return 0
    print(f"FAILED  {failure}\n\noutput of the demo:\n{demo.output}")
    return 1


async def _fail_at_end(demo: Child) -> None:
    raise CheckError(f"the demo ended by itself, with status {await demo.ended()}")


@contextlib.asynccontextmanager
async def _demo(port: int, engine_port: int, has_pipes: bool) -> AsyncIterator[Child]:
    """Run the demo as a process of its own; it has ended, with its children, at the end."""
    options = ["--source", "generated", "--rate", str(_RATE)]
    options += [] if has_pipes else ["--no-pipes"]
    ports = ["--port", str(port), "--engine-port", str(engine_port)]
    demo = Child(python_module("scripts.serving.demo", *options, *ports))
    try:
        yield demo
    finally:
        await demo.aclose()


async def _prove(follower: Stream, dsn: str) -> None:
    """Prove each view `_ROUNDS` times while it changes, and print what was proved."""
    for view, state in follower.states.items():
        changed = 0
        for _ in range(_ROUNDS):
            wanted = _wanted_changes(view)
            changed += await _wait_for_changes(follower, state, wanted)
            rows, frontier = Counter(state.list_rows()), _frontier(state)
            expected = await asyncio.to_thread(rows_at, dsn, view, frontier - 1)
            if rows != expected:
                raise CheckError(_difference(view, frontier, rows, expected))
        print(
            f"ok      {view:<20} {rows.total():>6,} rows at {frontier - 1} are those of the SELECT"
            f" ({_ROUNDS} proofs, {changed} changes)",
            flush=True,
        )


def _wanted_changes(view: str) -> int:
    """Return how often a view must have changed before each proof."""
    return _RARE_CHANGES.get(view, 1 if view in INTERNAL else _CHANGES)


async def _wait_for_changes(follower: Stream, state: ViewState, wanted: int) -> int:
    """Wait until the view's rows have changed so many times; return how often."""
    seen = [dict(state.rows)]

    def changed_enough() -> bool:
        if state.position is not None and state.rows != seen[-1]:
            seen.append(dict(state.rows))
        return state.position is not None and len(seen) > wanted

    await follower.until(changed_enough, PATIENCE)
    return len(seen) - 1


def _frontier(state: ViewState) -> int:
    assert state.position is not None, "a view that has changed has a position"
    return state.position.frontier


def _difference(view: str, frontier: int, rows: Counter[Row], expected: Counter[Row]) -> str:
    more, fewer = rows - expected, expected - rows
    return (
        f"{view}: at {frontier - 1} the client holds {more.total()} rows that the SELECT has not, "
        f"such as {list(more)[:3]}, and lacks {fewer.total()}, such as {list(fewer)[:3]}"
    )
