"""One-off reads: a SELECT is a new dataflow, fed with the contents of its inputs at one time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from engine.coordinator.collection import ENDLESS, SLICE_ROWS, Collection, Stored
from engine.coordinator.hydration import evaluate, rest_of_step
from engine.coordinator.runtime import Runtime
from engine.coordinator.source import Source
from engine.errors import SqlError
from engine.query import Query
from engine.scalar import Transaction
from engine.worker import off_loop
from engine.zset import Row, Value, ZSet

_FEW_ROWS = 256
"""Rows that are read in one step, whatever a join makes of them."""

END_OF_TIME = ENDLESS
"""The time of what can no longer change: a constant, or a file that was read and is not tailed."""


@dataclass(frozen=True)
class PeekResult:
    """The answer to a SELECT: `rows` in their order, as of `time` (milliseconds)."""

    time: int
    rows: list[Row]


class ReadTransaction:
    """The time of all reads of one transaction; the first read sets it.

    `close` must be called at the end of the transaction: until then the history at that time is
    kept, for as long as the history window or a minute, whichever is more.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.time: int | None = None
        self._runtime = runtime

    @cached_property
    def now(self) -> int:
        """The value of now() in all statements of the transaction."""
        return self._runtime.environment.clock()

    def begin(self, time: int) -> None:
        """Set the time, and keep the history from being compacted there."""
        self.time = time
        self._runtime.reads[self] = (self._runtime.steady(), time)

    def close(self) -> None:
        """Release the history; harmless when done twice."""
        self._runtime.reads.pop(self, None)


async def peek(
    runtime: Runtime,
    query: Query,
    parameters: Sequence[Value],
    as_of: int | None,
    read: ReadTransaction | None,
) -> PeekResult:
    """Answer a SELECT once; waits until its inputs are complete, and for a future `as_of`."""
    time, result = await _peek(runtime, query, parameters, as_of, read)
    if len(result) <= SLICE_ROWS:
        return PeekResult(time, query.finish(result, parameters))
    rows: list[Row] = []
    async with runtime.pacer:
        for part in query.finish_in_parts(result, parameters):
            rows += part
            await runtime.pacer.breathe()
    return PeekResult(time, rows)


async def peek_zset(
    runtime: Runtime, query: Query, parameters: Sequence[Value], transaction: Transaction
) -> ZSet:
    """The rows of a query as of now, without an order."""
    _, result = await _peek(runtime, query, parameters, None, None, transaction)
    return result


async def _peek(
    runtime: Runtime,
    query: Query,
    parameters: Sequence[Value],
    as_of: int | None,
    read: ReadTransaction | None,
    transaction: Transaction | None = None,
) -> tuple[int, ZSet]:
    inputs = {id: runtime.collection(id) for id in query.inputs}
    if as_of is None and (read is None or read.time is None):
        check_timestamp(inputs)
    for collection in inputs.values():
        collection.acquire()
    try:
        for collection in inputs.values():
            await collection.completion()
        time = await _time(runtime, inputs, as_of, read if inputs else None)
        return time, await _result(runtime, query, inputs, parameters, time, transaction or read)
    finally:
        for collection in inputs.values():
            runtime.release(collection)


def check_timestamp(inputs: Mapping[str, Collection]) -> None:
    """Raise SqlError when an input is a source without an index."""
    unkept = sorted(c.name for c in inputs.values() if isinstance(c, Source))
    if unkept:
        raise SqlError(
            "unable to automatically determine a query timestamp",
            detail="the query reads sources whose rows are not kept: " + ", ".join(unkept),
            hint="create an index on the source or on the view (CREATE DEFAULT INDEX ON ..), make "
            "the view a materialized one, or name a time: SELECT .. AS OF time",
        )


async def _time(
    runtime: Runtime,
    inputs: Mapping[str, Collection],
    as_of: int | None,
    read: ReadTransaction | None,
) -> int:
    """The time at which to read."""
    time = read.time if as_of is None and read is not None else as_of
    finished = all(collection.finished for collection in inputs.values())
    if time is None:
        time = END_OF_TIME if finished else runtime.graph.upper - 1
        if read is not None and not finished:
            read.begin(time)
        return time
    if not finished:
        await runtime.ticks.closed(time)
    for collection in inputs.values():
        collection.check_readable(time)
    return time


async def _result(
    runtime: Runtime,
    query: Query,
    inputs: Mapping[str, Collection],
    parameters: Sequence[Value],
    time: int,
    transaction: Transaction | None,
) -> ZSet:
    if query.is_large:
        flow = await off_loop(query.dataflow, runtime.environment, parameters, time, transaction)
        for collection in inputs.values():
            collection.check_readable(time)
    else:
        flow = query.dataflow(runtime.environment, parameters, time, transaction)
    stored = {id: c for id, c in inputs.items() if isinstance(c, Stored)}
    readable = min(time, runtime.graph.upper - 1)
    size = sum(len(collection.history.contents) for collection in stored.values())
    if len(stored) == len(inputs) and size <= _FEW_ROWS:
        contents = {id: collection.history.at(readable) for id, collection in stored.items()}
        result = flow.step_slice(time, contents)
        if flow.has_more:
            result = await rest_of_step(flow, time, result, runtime.pacer)
    else:
        result = await evaluate(flow, inputs, readable, runtime.pacer)
    raise_errors(flow.errors)
    return result


def raise_errors(errors: Mapping[str, int]) -> None:
    """A SELECT fails on a row whose evaluation fails, though a view goes on without it."""
    if errors:
        raise SqlError(f"Evaluation error: {min(errors)}")
