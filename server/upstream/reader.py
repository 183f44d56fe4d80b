"""Reads a view's epoch and its base from the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from server.framing import Message
from server.upstream.database import (
    Answer,
    Database,
    EngineError,
    UnknownViewError,
    unexpected_errors,
)
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
    relations_query,
)
from viewstream.names import split_view_name
from viewstream.protocol import MAX_TIME, Base, Column, ProtocolError, Row, encode

COLLECT_SLICE = 2_000
"""Rows that are converted and summed up in one turn of the event loop: a few milliseconds."""
ENCODE_SLICE = 5_000
"""Rows that are encoded in one turn of the event loop."""
TRIES = 3
"""Reads of one base: a view that is replaced during each of them is replaced in a loop."""


@dataclass(frozen=True)
class Reading:
    """The rows of a view just before `upper`, in the history that `epoch` names."""

    epoch: str
    upper: int
    columns: list[Column]
    rows: list[Row]
    checksum: int


class Reader:
    """Queries about views. All errors are EngineError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._facts: tuple[Dialect, tuple[str, ...]] | None = None
        self._wanted: dict[str, asyncio.Future[Relation | EngineError]] = {}
        self._looking_up: asyncio.Task[None] | None = None

    async def relations(self, views: Sequence[str]) -> dict[str, Relation | EngineError]:
        """Find the relations that `views` name, with one query; an error for each without one."""
        try:
            with unexpected_errors():
                _, search_path = await self._facts_of_engine()
                async with self._database.ask(relations_query(views)) as answer:
                    rows = [[value or "" for value in row] for row in answer.take(answer.size)]
                return {view: _find_relation(view, rows, search_path) for view in views}
        except EngineError as error:
            return dict.fromkeys(views, error)

    async def relation(self, view: str) -> Relation:
        """Find the relation that `view` names. Raises EngineError.

        Calls of many views share queries: all that come while one runs are answered by the next.
        """
        found = self._wanted.setdefault(view, asyncio.get_running_loop().create_future())
        if self._looking_up is None:
            self._looking_up = asyncio.create_task(self._look_up_wanted())
        relation = await asyncio.shield(found)
        if isinstance(relation, EngineError):
            raise relation
        return relation

    async def _look_up_wanted(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            relations = await self.relations(list(wanted))
            for view, found in wanted.items():
                found.set_result(relations[view])
        self._looking_up = None

    async def base(self, view: str) -> Reading:
        """Read the view's rows with their time, in an epoch that is the same before and after."""
        with unexpected_errors():
            for _ in range(TRIES):
                before = await self.relation(view)
                start, upper, columns, rows, total = await self._rows(view, before)
                after = await self.relation(view)
                if before == after and after.epoch == _epoch_of_start(start, after.epoch):
                    return Reading(after.epoch, upper, columns, rows, total)
        raise EngineError("the view was replaced each time that it was read")

    async def _rows(
        self, view: str, relation: Relation
    ) -> tuple[str, int, list[Column], list[Row], int]:
        dialect = await self.dialect()
        try:
            async with self._database.ask(dialect.base_query(relation)) as answer:
                if answer.size:
                    return await _collect(answer, 2)
            # An empty view gives no row and so no time.
            async with self._database.ask(dialect.empty_base_query(relation)) as answer:
                return await _collect(answer, 3)
        except EngineError as error:
            self._facts = None  # another version may have been started
            hint = explain(view, error.detail)
            if hint is None:
                raise
            raise EngineError(hint, error.detail) from error

    async def dialect(self) -> Dialect:
        """The engine's dialect, which is asked once."""
        return (await self._facts_of_engine())[0]

    async def _facts_of_engine(self) -> tuple[Dialect, tuple[str, ...]]:
        """The engine's dialect and search path, which are asked once."""
        if self._facts is None:
            async with self._database.ask(VERSION_QUERY) as answer:
                version = answer.take(1)[0][0] or ""
            async with self._database.ask(SEARCH_PATH_QUERY) as answer:
                path = answer.take(1)[0][0] or ""
            try:
                self._facts = dialect_of(version), parse_search_path(path)
            except ProtocolError as error:
                raise EngineError(f"the engine's answer makes no sense: {error}") from error
        return self._facts


async def encode_base(view: str, reading: Reading, compress_from: int | None) -> Message:
    """Encode a base in slices, and compress it in a worker thread (zlib releases the GIL)."""
    parts = []
    for start in range(0, len(reading.rows), ENCODE_SLICE):
        parts.append(encode(reading.rows[start : start + ENCODE_SLICE])[1:-1])
        await asyncio.sleep(0)
    rows = msgspec.Raw(b"[" + b",".join(parts) + b"]")
    base = Base(view, reading.epoch, reading.upper, reading.columns, rows, reading.checksum)  # type: ignore[arg-type]
    message = Message(encode(base), compress_from)
    if message.is_compressible:
        await asyncio.to_thread(message.compress)
    return message


def _find_relation(
    view: str, rows: Sequence[Sequence[str]], search_path: Sequence[str]
) -> Relation | EngineError:
    """The relation that `view` names, of the rows of `relations_query`."""
    _, name = split_view_name(view)
    try:
        return find_relation(view, [row[:3] for row in rows if row[3] == name], search_path)
    except LookupError as error:
        return UnknownViewError(f"the engine answers: {error}")
    except ProtocolError as error:
        return EngineError(f"the engine's answer makes no sense: {error}")


def _epoch_of_start(start: str, epoch: str) -> str:
    """The epoch of the same object in the engine that started at `start`."""
    return make_epoch(start, epoch.partition("-")[2])


async def _collect(answer: Answer, extra: int) -> tuple[str, int, list[Column], list[Row], int]:
    """(start time, upper, columns, rows, checksum) of an answer whose first columns are `extra`.

    If there are three of them, a row whose third is NULL is no row of the view.
    """
    columns = [Column(name, type_name(oid)) for name, oid in answer.columns[extra:]]
    rows: list[Row] = []
    total = 0
    time = start = ""
    while taken := answer.take(COLLECT_SLICE):
        time, start = taken[0][0] or "", taken[0][1] or ""
        part = [row[extra:] for row in taken if extra == 2 or row[2] is not None]
        total += checksum((1, row) for row in part)
        rows += part
        await asyncio.sleep(0)
    if not time.isdigit():
        raise EngineError(f"the engine's answer makes no sense: expected a time, found {time!r}")
    return start, min(int(time), MAX_TIME - 1) + 1, columns, rows, total % MODULUS
