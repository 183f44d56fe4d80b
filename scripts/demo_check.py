"""`scripts/demo --check`: starts the demo on free ports and proves that its views are exact.

It follows each view as any websocket client would and compares the rows that it holds at its
frontier F with what the engine says of `F - 1`: invariant 1 of docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import closing
from typing import IO

import psycopg2
from psycopg2.extensions import new_type, register_type, string_types

from scripts.demo import HOST, ROOT, free_port, served_views
from viewstream.client.follow import Follower, FollowError
from viewstream.client.state import ViewState
from viewstream.names import quote_view
from viewstream.protocol import Row

PATIENCE = 22.0
"""Seconds until all views must have been proved."""

_RATE = 200
_ROUNDS = 3
_CHANGES = 3
"""How many times a view must have changed before each proof, so that there is something to it."""

_STOP = 10.0


class CheckError(Exception):
    """What was to be proved is not so."""


def check() -> int:
    """Run the check, print a line per view, and return the exit status."""
    try:
        with tempfile.TemporaryFile() as log:
            return asyncio.run(_check(log))
    except KeyboardInterrupt:
        return 130


async def _check(log: IO[bytes]) -> int:
    port, engine_port = free_port(), free_port()
    dsn = f"host={HOST} port={engine_port} user=materialize dbname=materialize"
    try:
        async with _demo(port, engine_port, log) as demo, asyncio.timeout(PATIENCE):
            follower = Follower(f"http://{HOST}:{port}", served_views())
            await _first(_prove(follower, dsn), follower.run(), _fail_at_end(demo))
    except TimeoutError:
        failure = f"not all views were there and proved within {PATIENCE:g} s"
    except (CheckError, FollowError, psycopg2.Error) as error:
        failure = str(error).strip()
    else:
        return 0
    log.seek(0)
    print(f"FAILED  {failure}\n\nwhat the demo printed:\n{log.read().decode(errors='replace')}")
    return 1


async def _first(*work: Coroutine[None, None, None]) -> None:
    """Wait for the first to end, however it does, and end the others."""
    tasks = [asyncio.create_task(task) for task in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fail_at_end(demo: asyncio.subprocess.Process) -> None:
    raise CheckError(f"the demo ended by itself, with status {await demo.wait()}")


@contextlib.asynccontextmanager
async def _demo(
    port: int, engine_port: int, log: IO[bytes]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The demo as a process of its own, ended with all of its children."""
    arguments = ("--source", "generated", "--rate", str(_RATE), "--port", str(port))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.demo", *arguments, "--engine-port", str(engine_port)),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(_STOP):
            await process.wait()


async def _prove(follower: Follower, dsn: str) -> None:
    """Prove each view `_ROUNDS` times while it changes, and print what was proved."""
    for view, state in follower.states.items():
        changed = 0
        for _ in range(_ROUNDS):
            changed += await _wait_for_changes(follower, state)
            rows, frontier = Counter(state.listed()), _frontier(state)
            expected = await asyncio.to_thread(rows_at, dsn, view, frontier - 1)
            if rows != expected:
                raise CheckError(_difference(view, frontier, rows, expected))
        print(
            f"ok      {view:<10} {rows.total():>6,} rows at {frontier - 1} are those of the SELECT"
            f" ({_ROUNDS} proofs, {changed} changes)",
            flush=True,
        )


async def _wait_for_changes(follower: Follower, state: ViewState) -> int:
    """Wait until the view's rows have changed `_CHANGES` times; return how often."""
    seen = [dict(state.rows)]

    def changed_enough() -> bool:
        if state.position is not None and state.rows != seen[-1]:
            seen.append(dict(state.rows))
        return len(seen) > _CHANGES

    await follower.until(changed_enough, PATIENCE)
    return len(seen) - 1


def _frontier(state: ViewState) -> int:
    assert state.position is not None, "a view that has changed has a position"
    return state.position.frontier


def rows_at(dsn: str, view: str, time: int) -> Counter[Row]:
    """The rows of the view at `time`, as PostgreSQL's text; raises psycopg2.Error."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        register_type(new_type(tuple(string_types), "TEXT", lambda text, _: text), cursor)
        cursor.execute(f"SELECT * FROM {quote_view(view)} AS OF {time}")  # noqa: S608 -- quoted
        return Counter(cursor.fetchall())


def _difference(view: str, frontier: int, rows: Counter[Row], expected: Counter[Row]) -> str:
    more, fewer = rows - expected, expected - rows
    return (
        f"{view}: at {frontier - 1} the client holds {more.total()} rows that the SELECT has not, "
        f"such as {list(more)[:3]}, and lacks {fewer.total()}, such as {list(fewer)[:3]}"
    )
