"""The coordinator: assigns times to changes, and is the only writer of state."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from sqlglot import exp

from engine.catalog import Catalog
from engine.coordinator.collection import Collection, Stored
from engine.coordinator.definitions import Definitions
from engine.coordinator.maintained import Maintained
from engine.coordinator.options import EngineOptions
from engine.coordinator.reads import PeekResult, ReadTransaction, peek
from engine.coordinator.restore import restore
from engine.coordinator.runtime import Runtime
from engine.coordinator.subscription import Subscription, SubscriptionOptions, Verb
from engine.coordinator.ticker import Ticker
from engine.coordinator.write_plans import CopyTarget, Write, plan_copy, plan_write
from engine.coordinator.writes import CopiedRows, copied_rows, write
from engine.errors import SqlError
from engine.query import Query
from engine.relation import Relation
from engine.scalar import Environment
from engine.sql.parser import parse_statement
from engine.sql.statements import CopyFrom, DdlStatement, WriteStatement
from engine.zset import Value, ZSet

_LAST_WRITE = 1.0
"""Seconds that a write may take to finish when the engine stops."""


class Coordinator:
    """The engine without its sockets. All methods are to be called on one event loop.

    `clock` gives the wall time in milliseconds, `steady` seconds that never jump.
    """

    def __init__(
        self,
        options: EngineOptions,
        clock: Callable[[], int],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises SqlError when the data folder cannot be used."""
        self._runtime = Runtime(options, clock, steady)
        self._definitions = Definitions(self._runtime)
        self._ticker = Ticker(self._runtime)
        self._writer = asyncio.Lock()
        self._stopped = False

    @property
    def environment(self) -> Environment:
        """The constants of the engine that queries can read."""
        return self._runtime.environment

    @property
    def catalog(self) -> Catalog:
        return self._runtime.catalog

    @property
    def resolver(self) -> Catalog:
        """The resolver of names in queries."""
        return self._runtime.catalog

    @property
    def now(self) -> int:
        """The last closed time: what a SELECT reads."""
        return self._runtime.graph.upper - 1

    async def start(self) -> None:
        """Restore the contents of the data folder, and begin to tick."""
        restore(self._runtime, self._definitions, parse_statement)
        self._ticker.start()

    async def stop(self) -> None:
        """End every task; subscriptions raise SqlError (57P01). Harmless when done twice."""
        if self._stopped:
            return
        self._stopped = True
        with contextlib.suppress(TimeoutError):
            # A write that is being stored may finish; one that waits for something else may not.
            await asyncio.wait_for(self._writer.acquire(), _LAST_WRITE)
        await self._ticker.stop()
        await self._runtime.stop()

    async def execute_ddl(self, statement: DdlStatement) -> str:
        """Change the catalog; returns the command tag (`CREATE VIEW`)."""
        async with self._writer:
            return await self._definitions.execute(statement)

    def compile(self, query: exp.Query, *, maintained: bool) -> Query:
        """Compile a query against the catalog as it is now."""
        return self._runtime.compile(query, maintained=maintained)

    def plan_write(self, statement: WriteStatement) -> Write:
        """Compile an INSERT, UPDATE or DELETE; the values are cast to the table's types."""
        return plan_write(self._runtime, statement)

    def plan_copy(self, statement: CopyFrom) -> CopyTarget:
        """Compile the conversion of a COPY's texts to rows of the table."""
        return plan_copy(self._runtime, statement)

    async def copied_rows(self, target: CopyTarget, texts: ZSet) -> CopiedRows:
        """Convert the texts of a COPY to rows, which `write` then adds."""
        return await copied_rows(self._runtime, target, texts)

    async def write(
        self, writes: Sequence[tuple[Write | CopiedRows, Sequence[Value]]]
    ) -> list[int]:
        """Do some writes (each with its parameters) at one time, all or none.

        Each sees the tables as they were before the first. Returns how many rows each has touched.
        When it returns they are durable and visible.
        """
        async with self._writer:
            return await write(self._runtime, writes)

    def begin_read(self) -> ReadTransaction:
        """Begin a transaction, all of whose reads see one time."""
        return ReadTransaction(self._runtime)

    async def peek(
        self,
        query: Query,
        parameters: Sequence[Value] = (),
        as_of: int | None = None,
        read: ReadTransaction | None = None,
    ) -> PeekResult:
        """Answer a SELECT once; waits until its inputs are complete, and for a future `as_of`."""
        _check_time(as_of)
        return await peek(self._runtime, query, parameters, as_of, read)

    async def subscribe(
        self,
        target: Relation | Query,
        parameters: Sequence[Value] = (),
        *,
        snapshot: bool = True,
        progress: bool = False,
        as_of: int | None = None,
        up_to: int | None = None,
        verb: Verb = "TAIL",
    ) -> Subscription:
        """Begin a TAIL or SUBSCRIBE of a relation, or of a query compiled as maintained.

        Without `as_of` it begins at the last closed time. Raises SqlError when the history no
        longer reaches back to `as_of`. The reader waits for rows that are not complete yet.
        """
        _check_time(as_of)
        _check_time(up_to)
        begin = self.now if as_of is None else as_of
        if up_to is not None and begin > up_to:
            raise SqlError(
                "subscription lower bound (`AS OF`) is greater than its upper bound (`UP TO`): "
                f"{begin} > {up_to}",
                "22000",
            )
        collection = self._subscribable(target, parameters, min(begin, self.now))
        collection.check_readable(begin)
        dependencies = {target.id} if isinstance(target, Relation) else set(target.dependencies)
        options = SubscriptionOptions(
            begin, snapshot, progress, up_to, frozenset(dependencies), verb
        )
        return self._runtime.subscribe(collection, options)

    def _subscribable(
        self, target: Relation | Query, parameters: Sequence[Value], as_of: int
    ) -> Stored:
        """The relation itself if its rows are kept, else a dataflow for this reader alone."""
        if isinstance(target, Relation):
            kept = self._runtime.collections.get(target.id)
            if isinstance(kept, Stored):
                return kept
            name = exp.table_(target.name, db=self.catalog[target.id].schema, quoted=True)
            target = self.compile(exp.select("*").from_(name), maintained=True)
        inputs: dict[str, Collection] = {id: self._runtime.collection(id) for id in target.inputs}
        for collection in inputs.values():
            collection.check_readable(as_of)
        flow = target.dataflow(self.environment, parameters, as_of)
        number = f"t{self._runtime.new_number()}"
        private = Maintained(number, "query", target.columns, flow, inputs, as_of)
        self._runtime.build([private], as_of)
        return private


def _check_time(time: int | None) -> None:
    if time is not None and not 0 <= time < 2**64:
        raise SqlError("out of range integral type conversion attempted")
