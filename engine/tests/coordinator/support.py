"""A coordinator to be driven with SQL, as a session would, without any socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from engine.coordinator import (
    Coordinator,
    EngineOptions,
    PeekResult,
    ReadTransaction,
    SubscribedChange,
    Subscription,
)
from engine.coordinator.collection import Stored
from engine.coordinator.history import History
from engine.sql import statements as s
from engine.sql.parser import parse_statement
from engine.zset import Row, ZSet, add

PATIENCE = 60.0

COUNTS = "SELECT word, count(*) AS n FROM s GROUP BY word"
"""A query over the source of `source_sql`."""


class World:
    """A wall clock that can be made to jump, beside one that goes on."""

    def __init__(self) -> None:
        self.offset = 0
        self.skipped = 0.0

    def clock(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset

    def steady(self) -> float:
        return time.monotonic() + self.skipped

    def pass_time(self, seconds: float) -> None:
        self.offset += int(seconds * 1000)
        self.skipped += seconds


class Engine:
    """Use as `async with`: the coordinator runs meanwhile."""

    def __init__(self, options: EngineOptions | None = None, **more: Any) -> None:
        self.world = World()
        self.coordinator = Coordinator(
            replace(options or EngineOptions(), **more), self.world.clock, self.world.steady
        )

    async def __aenter__(self) -> Self:
        await self.coordinator.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.coordinator.stop()

    async def run(self, *statements: str) -> str:
        """Execute DDL and writes; returns the last command tag."""
        tag = ""
        for sql in statements:
            statement = parse_statement(sql)
            if isinstance(statement, s.Insert | s.Update | s.Delete):
                write = self.coordinator.plan_write(statement)
                [count] = await self.coordinator.write([(write, ())])
                tag = f"{write.command} {count}"
            else:
                tag = await self.coordinator.execute_ddl(statement)  # type: ignore[arg-type]
        return tag

    def history(self, name: str) -> History:
        """The present and past rows of a relation."""
        runtime = self.coordinator._runtime
        collection = runtime.collections[runtime.catalog.get((name,)).id]
        assert isinstance(collection, Stored)
        return collection.history

    async def ticks(self, count: int) -> None:
        """Wait until time was closed that many times, each time with a beat of housekeeping."""
        for _ in range(count):
            before = self.coordinator.now

            async def has_passed(before: int = before) -> bool:
                return self.coordinator.now > before

            await wait_for(has_passed, "a tick")

    async def peek(
        self, sql: str, as_of: int | None = None, read: ReadTransaction | None = None
    ) -> PeekResult:
        statement = parse_statement(sql)
        assert isinstance(statement, s.Select)
        query = self.coordinator.compile(statement.query, maintained=False)
        return await self.coordinator.peek(query, (), as_of, read)

    async def rows(self, sql: str, as_of: int | None = None) -> list[Row]:
        return (await self.peek(sql, as_of)).rows

    async def texts(self, sql: str) -> list[list[str]]:
        """The rows as a client would print them."""
        statement = parse_statement(sql)
        assert isinstance(statement, s.Select)
        query = self.coordinator.compile(statement.query, maintained=False)
        rows = (await self.coordinator.peek(query)).rows
        types = [column.type for column in query.columns]
        return [
            ["NULL" if v is None else t.to_text(v) for t, v in zip(types, row, strict=True)]
            for row in rows
        ]

    async def tail(self, what: str, **options: Any) -> Tail:
        """A TAIL of a relation's name, or of a query."""
        if " " in what:
            statement = parse_statement(what)
            assert isinstance(statement, s.Select)
            query = self.coordinator.compile(statement.query, maintained=True)
            return Tail(await self.coordinator.subscribe(query, **options), options.get("as_of"))
        relation = self.coordinator.resolver.resolve((what,))
        return Tail(await self.coordinator.subscribe(relation, **options), options.get("as_of"))


class SubscribedRow(NamedTuple):
    """One row of a TAIL; `diff` and `row` of a progress row are None."""

    time: int
    progressed: bool
    diff: int | None
    row: Row | None


def _rows(change: SubscribedChange) -> list[SubscribedRow]:
    if change.is_progress:
        return [SubscribedRow(change.time, True, None, None)]
    return [SubscribedRow(change.time, False, diff, row) for row, diff in change.updates]


class Tail:
    """The output of a TAIL so far."""

    def __init__(self, subscription: Subscription, as_of: int | None) -> None:
        self.as_of = as_of
        self.subscription = subscription
        self.got: list[SubscribedRow] = []

    async def read(self) -> bool:
        """Take the next batch; false at the end."""
        batch = await asyncio.wait_for(self.subscription.next_batch(), PATIENCE)
        self.got += [row for change in batch or [] for row in _rows(change)]
        return batch is not None

    async def until(self, time: int) -> ZSet:
        """Read until `time` is complete, which needs progress rows; returns the sum up to it."""
        while not self.got or self.got[-1].time <= time:
            assert await self.read(), "the TAIL has ended"
        return self.sum(time)

    async def to_end(self) -> ZSet:
        while await self.read():
            pass
        return self.sum(2**64)

    def sum(self, until: int) -> ZSet:
        total: ZSet = {}
        for row in self.updates:
            if row.time <= until:
                assert row.row is not None
                assert row.diff is not None
                add(total, {row.row: row.diff})
        return total

    @property
    def updates(self) -> list[SubscribedRow]:
        return [row for row in self.got if not row.progressed]

    @property
    def progress(self) -> list[int]:
        return [row.time for row in self.got if row.progressed]

    def check_order(self) -> None:
        """Times never go back, and no row comes below a progress row before it."""
        last = progress = 0
        for row in self.got:
            assert row.time >= last
            assert row.time >= progress
            last = row.time
            if row.progressed:
                assert row.time > progress
                progress = row.time


async def wait_for(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until the condition holds; fail with `what` when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s in vain: {what}"
        await asyncio.sleep(0.005)


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def source_sql(path: Path, *, tail: bool = True, name: str = "s") -> str:
    """A source of words: one column `word`, and the line's number."""
    options = "WITH (tail = true) " if tail else ""
    return f"CREATE SOURCE {name} FROM FILE '{path}' {options}FORMAT REGEX '^(?P<word>.*)$'"
