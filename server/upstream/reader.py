"""Reads a view's base, and the epoch of a view, from the engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from server.upstream.database import Answer, Database, EngineError
from server.upstream.pgtypes import type_name
from viewstream.checksum import MODULUS, checksum
from viewstream.engine import (
    SEARCH_PATH_QUERY,
    VERSION_QUERY,
    Dialect,
    Relation,
    dialect_of,
    explain,
    find_relation,
    make_epoch,
    parse_search_path,
    relation_query,
)
from viewstream.protocol import MAX_TIME, Column, ProtocolError, Row

SLICE = 2_000
"""Rows that are converted and summed up in one turn of the loop: a few milliseconds."""
TRIES = 3


@dataclass(frozen=True)
class Reading:
    """The rows of a view just before `upper`, of the history that `epoch` names."""

    epoch: str
    upper: int
    columns: list[Column]
    rows: list[Row]
    checksum: int


class Reader:
    """Asks the engine about views. All errors are EngineError, with a sentence for people."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._facts: tuple[Dialect, tuple[str, ...]] | None = None

    async def epoch(self, view: str) -> str:
        """The epoch that the engine names now."""
        return (await self._relation(view)).epoch

    async def base(self, view: str) -> Reading:
        """The view's rows with their time, and the epoch that was the same before and after."""
        for _ in range(TRIES):
            before = await self._relation(view)
            start, upper, columns, rows, total = await self._rows(view, before)
            after = await self._relation(view)
            if before == after and after.epoch == _epoch(start, after.epoch):
                return Reading(after.epoch, upper, columns, rows, total)
        raise EngineError("the view was replaced each time that it was read")

    async def _relation(self, view: str) -> Relation:
        _, search_path = await self._facts_of_engine()
        answer = await self._database.ask(relation_query(view))
        rows = [[value or "" for value in row] for row in answer.take(answer.size)]
        try:
            return find_relation(view, rows, search_path)
        except LookupError as error:
            raise EngineError(f"the engine answers: {error}") from error
        except ProtocolError as error:
            raise EngineError(f"the engine's answer makes no sense: {error}") from error

    async def _rows(
        self, view: str, relation: Relation
    ) -> tuple[str, int, list[Column], list[Row], int]:
        dialect, _ = await self._facts_of_engine()
        try:
            answer = await self._database.ask(dialect.base_query(relation))
            if answer.size:
                return await _collect(answer, 2)
            # No row, and so no time: a row that is always there brings it.
            answer = await self._database.ask(dialect.empty_base_query(relation))
            return await _collect(answer, 3)
        except EngineError as error:
            self._facts = None  # another version may have been started
            hint = explain(view, str(error))
            if hint is None:
                raise
            raise EngineError(hint) from error

    async def _facts_of_engine(self) -> tuple[Dialect, tuple[str, ...]]:
        """The engine's dialect and search path, which are asked once."""
        if self._facts is None:
            version = await self._database.ask(VERSION_QUERY)
            path = await self._database.ask(SEARCH_PATH_QUERY)
            try:
                dialect = dialect_of(version.take(1)[0][0] or "")
            except ProtocolError as error:
                raise EngineError(f"the engine's answer makes no sense: {error}") from error
            self._facts = dialect, parse_search_path(path.take(1)[0][0] or "")
        return self._facts


def _epoch(start: str, epoch: str) -> str:
    """The epoch of the same object, of the engine that started at `start`."""
    return make_epoch(start, epoch.partition("-")[2])


async def _collect(answer: Answer, extra: int) -> tuple[str, int, list[Column], list[Row], int]:
    """(start time, upper, columns, rows, checksum) of an answer whose first columns are `extra`.

    With three of them the third is NULL in a row that stands for none.
    """
    columns = [Column(name, type_name(oid)) for name, oid in answer.columns[extra:]]
    rows: list[Row] = []
    total = 0
    time = start = ""
    while taken := answer.take(SLICE):
        time, start = taken[0][0] or "", taken[0][1] or ""
        part = [row[extra:] for row in taken if extra == 2 or row[2] is not None]
        total += checksum((1, row) for row in part)
        rows += part
        await asyncio.sleep(0)
    if not time.isdigit():
        raise EngineError(f"the engine's answer makes no sense: {time!r} is no time")
    return start, min(int(time), MAX_TIME - 1) + 1, columns, rows, total % MODULUS
