"""The coordinator: gives changes their times and is the only one that writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from engine.coordinator.options import EngineOptions
from engine.coordinator.reads import PeekResult, ReadTransaction
from engine.coordinator.subscription import Subscription
from engine.query import Query
from engine.relation import Relation, Resolver
from engine.session.statements import DdlStatement, WriteStatement
from engine.types import SqlType
from engine.zset import Value

if TYPE_CHECKING:
    from engine.scalar import Environment


@dataclass(frozen=True)
class Write:
    """A planned INSERT, UPDATE or DELETE; `parameters` are the types of `$1`, `$2` and so on.

    `command` is `INSERT 0`, `UPDATE` or `DELETE`: with the number of rows it is the command tag.
    """

    table: str
    command: str
    query: Query

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.query.parameters


class Coordinator:
    """The engine without its sockets. All methods are to be called on one event loop.

    `clock` gives the wall time in milliseconds.
    """

    environment: Environment
    resolver: Resolver

    def __init__(self, options: EngineOptions, clock: Callable[[], int]) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Restore what the data folder holds and begin to tick."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End all that runs; subscriptions raise SqlError (57P01)."""
        raise NotImplementedError

    async def execute_ddl(self, statement: DdlStatement) -> str:
        """Change the catalog; returns the command tag (`CREATE VIEW`)."""
        raise NotImplementedError

    def compile(self, query: exp.Query, *, maintained: bool) -> Query:
        """Compile a query against the catalog as it is now."""
        raise NotImplementedError

    def plan_write(self, statement: WriteStatement) -> Write:
        """Compile an INSERT, UPDATE or DELETE; the values are cast to the table's types."""
        raise NotImplementedError

    async def write(self, writes: Sequence[tuple[Write, Sequence[Value]]]) -> list[int]:
        """Do some writes (each with its parameters) at one time, all or none.

        Returns how many rows each has touched. When it returns they are durable and visible.
        """
        raise NotImplementedError

    def begin_read(self) -> ReadTransaction:
        """Begin a transaction, all of whose reads see one time."""
        raise NotImplementedError

    async def peek(
        self,
        query: Query,
        parameters: Sequence[Value] = (),
        as_of: int | None = None,
        read: ReadTransaction | None = None,
    ) -> PeekResult:
        """Answer a SELECT once; waits until its inputs are complete, and for a future `as_of`."""
        raise NotImplementedError

    async def subscribe(
        self,
        target: Relation | Query,
        parameters: Sequence[Value] = (),
        *,
        snapshot: bool = True,
        progress: bool = False,
        as_of: int | None = None,
    ) -> Subscription:
        """Begin a TAIL of a relation, or of a query that was compiled as maintained."""
        raise NotImplementedError
