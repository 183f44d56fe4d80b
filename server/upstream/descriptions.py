"""Asks the engine what views are: their SQL, their columns, how many rows they have now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from server.upstream.database import Database
from server.upstream.errors import EngineError, unexpected_errors
from server.upstream.pgtypes import type_name
from server.upstream.reader import Reader
from viewstream.names import quote_literal
from viewstream.protocol import Column
from viewstream.relation import Relation

FRESH_FOR = 2.0
"""Seconds for which answers are given to others, too: many pages cost what one does."""
PATIENCE = 2.0
"""Seconds that a request waits; after them it gets what is known already."""


@dataclass(frozen=True)
class _Definition:
    """The part of a description that does not change within an epoch."""

    epoch: str
    kind: str
    sql: str | None
    columns: Sequence[Column]


@dataclass(frozen=True)
class Description:
    """The engine's answers about a view; None where it did not answer."""

    kind: str | None = None
    """Such as `materialized view`; `internal table` for a relation of the engine's own."""
    sql: str | None = None
    """The statement that creates it; an internal table has none."""
    columns: Sequence[Column] | None = None
    rows: int | None = None


class Descriptions:
    """Describes views. Requests at the same time share questions."""

    def __init__(
        self, database: Database, reader: Reader, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._reader = reader
        self._clock = clock
        self._known: dict[str, Description] = {}
        self._definitions: dict[str, _Definition] = {}
        self._asked_at: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def describe(self, views: Sequence[str]) -> Mapping[str, Description]:
        """Return a description of each view, from a moment ago at most if the engine answers."""
        if self._is_old(views):
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask(views))
            await asyncio.wait([self._asking], timeout=PATIENCE)
        return {view: self._known.get(view, Description()) for view in views}

    async def stop(self) -> None:
        """Give up the question that is under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _is_old(self, views: Sequence[str]) -> bool:
        is_known = self._known.keys() >= set(views)
        return not is_known or self._asked_at is None or self._clock() - self._asked_at >= FRESH_FOR

    async def _ask(self, views: Sequence[str]) -> None:
        try:
            found = await asyncio.gather(*map(self._describe, views))
            self._known = dict(zip(views, found, strict=True))
            self._asked_at = self._clock()
        finally:
            self._asking = None

    async def _describe(self, view: str) -> Description:
        definition, rows = self._definitions.get(view), None
        try:
            with unexpected_errors():
                relation = await self._reader.relation(view)
                if definition is None or definition.epoch != relation.epoch:
                    self._definitions.pop(view, None)
                    definition = None
                    definition = self._definitions[view] = await self._define(relation)
                rows = await self._count(relation)
        except EngineError:
            pass  # the state of the view has the reason
        if definition is None:
            return Description(rows=rows)
        return Description(definition.kind, definition.sql, definition.columns, rows)

    async def _count(self, relation: Relation) -> int:
        query = f"SELECT count(*) FROM {relation.sql}"  # noqa: S608 -- quoted
        async with self._database.ask(query) as answer:
            return int(answer.take(1)[0][0] or 0)

    async def _define(self, relation: Relation) -> _Definition:
        object_id = relation.epoch.partition("-")[2]
        is_internal = not object_id.startswith("u")
        kind, sql = "internal table", None
        if not is_internal:
            kind = await self._kind(object_id)
            async with self._database.ask(f"SHOW CREATE {kind} {relation.sql}") as answer:
                sql = answer.take(1)[0][1]
        query = f"SELECT * FROM {relation.sql} LIMIT 0"  # noqa: S608 -- quoted
        async with self._database.ask(query) as answer:
            columns = [Column(name, type_name(oid)) for name, oid in answer.columns]
        return _Definition(relation.epoch, kind, sql, columns)

    async def _kind(self, object_id: str) -> str:
        query = f"SELECT type FROM mz_objects WHERE id = {quote_literal(object_id)}"  # noqa: S608
        async with self._database.ask(query) as answer:
            return (answer.take(1)[0][0] or "view").replace("-", " ")
