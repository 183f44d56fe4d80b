"""Reads a view's base, and the epoch of a view, from the engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from server.upstream.database import Answer, Database, EngineError
from server.upstream.pgtypes import type_name
from viewstream.checksum import MODULUS, checksum
from viewstream.protocol import (
    MAX_TIME,
    Column,
    ProtocolError,
    Row,
    epoch_of,
    epoch_query,
    make_epoch,
    quote_view,
)

SLICE = 2_000
"""Rows that are converted and summed up in one turn of the loop: a few milliseconds."""
TRIES = 3
_CLOCKS = ("mz_logical_timestamp()", "mz_now()")
"""How a SELECT says its time: until v0.26, and from v0.27 on."""


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
        self._clock = _CLOCKS[0]

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
        name = quote_view(view)
        answer = await self._ask(
            f"SELECT {{clock}}, pg_postmaster_start_time(), * FROM {name}"  # noqa: S608 -- quoted
        )
        if answer.size:
            return await _collect(answer, 2)
        # No row, and so no time: a row that is always there brings it.
        answer = await self._ask(
            "SELECT {clock}, pg_postmaster_start_time(), r.* FROM (SELECT true) AS one"  # noqa: S608
            f" LEFT JOIN (SELECT true AS present, * FROM {name}) AS r ON true"
        )
        return await _collect(answer, 3)

    async def _ask(self, sql: str) -> Answer:
        try:
            return await self._database.ask(sql.replace("{clock}", self._clock, 1))
        except EngineError as error:
            if self._clock not in str(error) and self._clock.rstrip("()") not in str(error):
                raise
            self._clock = _CLOCKS[1 - _CLOCKS.index(self._clock)]
            return await self._database.ask(sql.replace("{clock}", self._clock, 1))


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
