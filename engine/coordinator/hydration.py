"""Hydrates new dataflows with the history of their inputs, in slices."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from time import perf_counter

from engine.coordinator.collection import Collection, Replay
from engine.coordinator.graph import Graph
from engine.coordinator.limits import ResultSize, check_state
from engine.coordinator.maintained import Maintained, is_unfinished, step_all
from engine.coordinator.source import SourceReplay
from engine.dataflow import Dataflow
from engine.errors import SqlError
from engine.zset import Change, ZSet, add

_logger = logging.getLogger(__name__)

BUDGET = 0.004
"""Seconds of work in the background before the loop gets its turn."""

ROWS_AT_ONCE = 2048
"""Rows for one step of a dataflow, during which the event loop is blocked."""

ROWS_AT_FIRST = 64
"""The same for the first step of a one-off SELECT, before it is known how long one takes."""

_WHILE_ADVANCING = 0.005
"""Seconds between two looks at whether the graph has closed its time."""

RECENT_CHANGES = 2000
"""A new view's history begins at most so many changes of an input in the past."""


class Pacer:
    """Lets the loop run between slices of work, and only one worker between two of its turns."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._began = 0.0

    async def __aenter__(self) -> Pacer:
        await self._lock.acquire()
        self._began = perf_counter()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()

    async def breathe(self) -> None:
        """Give way if the budget is used up."""
        if perf_counter() - self._began < BUDGET:
            return
        self._lock.release()
        try:
            await asyncio.sleep(0)
        finally:
            await self._lock.acquire()
        self._began = perf_counter()


async def hydrate(
    members: Sequence[Maintained], graph: Graph, pacer: Pacer, as_of: int | None = None
) -> None:
    """Step new dataflows through the past of their inputs, and hand them over to the graph.

    `members` are in the order of their dependence. They begin at `as_of`, by default as far back
    as their inputs' history is kept. An error ends them, and nothing else.
    """
    own: set[Collection] = set(members)
    outside = {id: c for member in members for id, c in member.inputs.items() if c not in own}
    replays: dict[str, Replay] = {}
    try:
        for collection in outside.values():
            await collection.completion()
        async with pacer:
            since = _beginning(outside.values(), graph) if as_of is None else as_of
            replays.update((id, c.replay(since)) for id, c in outside.items())
            await _catch_up(members, replays, graph, since, pacer)
            while graph.is_advancing:
                await asyncio.sleep(_WHILE_ADVANCING)
                await pacer.breathe()
                await _catch_up(members, replays, graph, None, pacer)
            for replay in replays.values():
                if isinstance(replay, SourceReplay) and replay.next_time is None:
                    replay.hand_over()
            for member in members:
                graph.attach(member)
    except SqlError as error:
        _fail(members, error)
    except Exception:
        _logger.exception("could not build %s", ", ".join(member.name for member in members))
        _fail(members, SqlError("internal error: the dataflow could not be built"))
    finally:
        for replay in replays.values():
            replay.close()


def _fail(members: Sequence[Maintained], error: SqlError) -> None:
    for member in members:
        member.fail(error)


def _beginning(collections: Iterable[Collection], graph: Graph) -> int:
    """The earliest time at which all can be read without replaying too many changes."""
    recent = [collection.recent(RECENT_CHANGES) for collection in collections]
    return max(recent, default=graph.upper - 1)


async def _catch_up(
    members: Sequence[Maintained],
    replays: Mapping[str, Replay],
    graph: Graph,
    since: int | None,
    pacer: Pacer,
) -> None:
    """Step the members from `since`, or from where they are, to the graph's last closed time."""
    reached = graph.upper - 1
    if since is not None:
        reached = since
        known: dict[str, Change] = {}
        for member in members:
            known[member.id] = member.step(since, known)
    while any(member.is_wanted for member in members):
        due = _next_time(members, replays)
        at_end = due is None or due >= graph.upper
        waiting = max(member.rows_absorbed for member in members)
        same_time = due == reached and not at_end
        for member in members:
            member.defer(same_time)
        if is_unfinished(members) or (waiting and (not same_time or waiting > ROWS_AT_ONCE)):
            step_all(members, reached, {})
        elif due is None or at_end:
            break
        else:
            reached = due
            changes = {id: r.take() for id, r in replays.items() if r.next_time == due}
            for member in members:
                member.absorb(changes)
            if any(member.next_time == due for member in members):
                step_all(members, due, {})
        await pacer.breathe()


def _next_time(members: Sequence[Maintained], replays: Mapping[str, Replay]) -> int | None:
    times = [replay.next_time for replay in replays.values()]
    times += [member.next_time for member in members]
    return min((time for time in times if time is not None), default=None)


async def evaluate(
    flow: Dataflow, inputs: Mapping[str, Collection], time: int, pacer: Pacer
) -> ZSet:
    """The result of a dataflow over its inputs at `time`; all must be complete.

    Few rows may give many, in a join: so it is fed as many as it takes some milliseconds for.
    Raises SqlError (54000) when the result is too large to be kept.
    """
    result: ZSet = {}
    limit = ResultSize("result")
    size = ROWS_AT_FIRST
    replays = {id: collection.replay(time) for id, collection in inputs.items()}
    try:
        async with pacer:
            flow.defer(True)
            await _add_step(flow, time, {}, result, limit, pacer)
            for id, replay in replays.items():
                while (next_time := replay.next_time) is not None and next_time <= time:
                    rows = iter(replay.take().items())
                    while piece := dict(islice(rows, size)):
                        took = await _add_step(flow, time, {id: piece}, result, limit, pacer)
                        size = _fitting(size, took)
            flow.defer(False)
            await _add_step(flow, time, {}, result, limit, pacer)
    finally:
        for replay in replays.values():
            replay.close()
    return result


async def _add_step(
    flow: Dataflow,
    time: int,
    changes: Mapping[str, ZSet],
    result: ZSet,
    limit: ResultSize,
    pacer: Pacer,
) -> float:
    """Add the output of a step to the result; returns the seconds that its first slice took."""
    began = perf_counter()
    change = flow.step_slice(time, changes)
    took = perf_counter() - began
    while True:
        add(result, change)
        limit.add(change, len(result))
        await pacer.breathe()
        if not flow.has_more:
            break
        change = flow.step_slice(time, {})
    check_state("the query", flow.rows_kept)
    return took


async def rest_of_step(flow: Dataflow, time: int, first: ZSet, pacer: Pacer) -> ZSet:
    """The result of a step whose first slice was taken."""
    result = dict(first)
    async with pacer:
        await _add_step(flow, time, {}, result, ResultSize("result"), pacer)
    return result


def _fitting(size: int, took: float) -> int:
    """How many rows to take next, when `size` took so many seconds."""
    if took > BUDGET:
        return max(1, size // 4)
    return min(ROWS_AT_ONCE, size * 2) if took < BUDGET / 2 else size
