"""Reads a view's base, and the epoch of a view, from the engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from server.upstream.database import Answer, Database, EngineError
from server.upstream.pgtypes import type_name
from viewstream.checksum import MODULUS, checksum
from viewstream.engine import VERSION_QUERY, Dialect, dialect_of, epoch_of, epoch_query, make_epoch
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
        self._dialect: Dialect | None = None

    async def epoch(self, view: str) -> str:
        """The epoch that the engine names now."""
        answer = await self._database.ask(epoch_query(view))
        try:
            return epoch_of(view, [[value or "" for value in row] for row in answer.take(2)])
        except LookupError as error:
            raise EngineError(f"the engine answers: {error}") from error
        except ProtocolError as error:
            raise EngineError(f"the engine's answer makes no sense: {error}") from error

    async def base(self, view: str) -> Reading:
        """The view's rows with their time, and the epoch that was the same before and after."""
        for _ in range(TRIES):
            before = await self.epoch(view)
            start, upper, columns, rows, total = await self._rows(view)
            after = await self.epoch(view)
            if before == after == _epoch(start, after):
                return Reading(after, upper, columns, rows, total)
        raise EngineError("the view was replaced each time that it was read")

    async def _rows(self, view: str) -> tuple[str, int, list[Column], list[Row], int]:
        dialect = await self._dialect_of_engine()
        try:
            answer = await self._database.ask(dialect.base_query(view))
            if answer.size:
                return await _collect(answer, 2)
            # No row, and so no time: a row that is always there brings it.
            return await _collect(await self._database.ask(dialect.empty_base_query(view)), 3)
        except EngineError:
            self._dialect = None  # another version may have been started
            raise

    async def _dialect_of_engine(self) -> Dialect:
        """The dialect of the engine, whose version is asked once."""
        if self._dialect is None:
            answer = await self._database.ask(VERSION_QUERY)
            try:
                self._dialect = dialect_of(answer.take(1)[0][0] or "")
            except ProtocolError as error:
                raise EngineError(f"the engine's answer makes no sense: {error}") from error
        return self._dialect


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
