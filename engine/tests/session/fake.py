"""A coordinator with one view and no engine behind it, to test sessions by themselves.

`v` is a relation of a text and an int8 column. `feed` gives a running TAIL its rows. A SELECT from
`slow` is answered when `answer_slow` is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from engine.coordinator import PeekResult, ReadTransaction, SubscribedChange
from engine.errors import SqlError
from engine.relation import Column, Relation
from engine.types import INT4, INT8, TEXT, SqlType

V = Relation("u1", "v", (Column("name", TEXT), Column("n", INT8)))
SLOW = Relation("u2", "slow", (Column("name", TEXT),))


@dataclass
class FakeQuery:
    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    inputs: tuple[str, ...] = ()
    parameters: tuple[SqlType, ...] = ()
    explain: tuple[str, ...] = ("a plan",)


@dataclass
class FakeWrite:
    table: str
    command: str
    query: FakeQuery

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.query.parameters


@dataclass
class FakeSubscription:
    columns: tuple[Column, ...]
    waiting: list[SubscribedChange] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    finished: bool = False
    closed: bool = False

    def feed(self, *changes: SubscribedChange) -> None:
        self.waiting += changes
        self.arrived.set()

    def finish(self) -> None:
        self.finished = True
        self.arrived.set()

    async def next_batch(self) -> list[SubscribedChange] | None:
        while not self.waiting:
            if self.finished:
                return None
            self.arrived.clear()
            await self.arrived.wait()
        return self.ready()

    def ready(self) -> list[SubscribedChange]:
        changes, self.waiting = self.waiting, []
        return changes

    is_shared = False

    def block(
        self,
        block: SubscribedChange,
        form: Hashable,
        encode: Callable[[SubscribedChange], bytes],
        size: Callable[[bytes], int],
    ) -> bytes:
        return encode(block)

    @property
    def ended(self) -> bool:
        return self.finished and not self.waiting

    def close(self) -> None:
        self.closed = True


class FakeCoordinator:
    def __init__(self) -> None:
        self.resolver = self
        self.catalog = self
        self.version = 1
        self.rows: list[tuple[Any, ...]] = [("Alice", 2), ("Bob\t", None)]
        self.subscriptions: list[FakeSubscription] = []
        self.subscribed: list[dict[str, Any]] = []
        self.peeked: list[dict[str, Any]] = []
        self.written: list[list[str]] = []
        self.ddl: list[Any] = []
        self.slow = asyncio.Event()

    def resolve(self, parts: tuple[str, ...]) -> Relation:
        found = {"v": V, "slow": SLOW}.get(parts[-1])
        if found is None:
            raise SqlError(f"unknown catalog item '{'.'.join(parts)}'")
        return found

    def compile(self, query: exp.Query, *, maintained: bool) -> FakeQuery:
        table = query.find(exp.Table)
        if table is not None:
            relation = self.resolve((table.name,))
            return FakeQuery(relation.columns, self.rows, (relation.id,))
        parameters = sorted(node.name for node in query.find_all(exp.Parameter))
        values = [item.unalias() for item in query.expressions]
        row = tuple(
            int(value.name) if value.is_int else value.name
            for value in values
            if not isinstance(value, exp.Star)
        )
        columns = tuple(Column("?column?", INT4 if isinstance(v, int) else TEXT) for v in row)
        return FakeQuery(columns, [row], parameters=(TEXT,) * len(parameters))

    def plan_write(self, statement: Any) -> FakeWrite:
        name = type(statement).__name__.upper()
        return FakeWrite(
            ".".join(statement.table),
            "INSERT 0" if name == "INSERT" else name,
            FakeQuery((), [(1,)], () if name == "INSERT" else ("u1",)),
        )

    async def write(self, writes: Sequence[tuple[FakeWrite, Sequence[Any]]]) -> list[int]:
        self.written.append([write.command for write, _ in writes])
        return [1] * len(writes)

    async def execute_ddl(self, statement: Any) -> str:
        self.ddl.append(statement)
        return "CREATE VIEW"

    def show_create(self, kind: str, name: tuple[str, ...]) -> tuple[str, str]:
        return (f"materialize.public.{name[-1]}", f"CREATE VIEW {name[-1]} AS SELECT 1")

    def begin_read(self) -> ReadTransaction:
        return FakeRead()  # type: ignore[return-value]

    async def peek(
        self,
        query: FakeQuery,
        parameters: Sequence[Any] = (),
        as_of: int | None = None,
        read: Any = None,
    ) -> PeekResult:
        self.peeked.append({"as_of": as_of, "read": read})
        if query.inputs == (SLOW.id,):
            await self.slow.wait()
            return PeekResult(7, [("late",)])
        rows = query.rows
        if parameters:
            rows = [tuple(parameters)]
        return PeekResult(7, list(rows))

    async def subscribe(
        self, target: Any, parameters: Sequence[Any] = (), **options: Any
    ) -> FakeSubscription:
        self.subscribed.append(options)
        subscription = FakeSubscription(target.columns)
        self.subscriptions.append(subscription)
        return subscription


class FakeRead:
    time = None
    closed = False

    def close(self) -> None:
        self.closed = True
