"""Reads a view's epoch and its base from the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from server.upstream.base_rows import MAX_ROWS, BaseRows, EncodedBase
from server.upstream.database import Answer, Database
from server.upstream.errors import (
    EngineAwayError,
    EngineError,
    SlowAnswerError,
    TooMuchError,
    UnknownPartError,
    UnknownViewError,
    unexpected_errors,
)
from server.upstream.pgtypes import type_name
from viewstream.dialect import VERSION_QUERY, Dialect, Selection, dialect_of
from viewstream.engine import explain, is_unfit_value
from viewstream.names import ViewName, explain_column, split_view_name
from viewstream.protocol import MAX_TIME, Column, ProtocolError, Row
from viewstream.relation import (
    SEARCH_PATH_QUERY,
    Relation,
    find_relation,
    make_epoch,
    parse_search_path,
    relations_query,
)

COLLECT_SLICE = 1_000
"""Rows that are converted, encoded and summed up in one turn of the event loop: some 5 ms."""
ENCODE_AT_ONCE = 64 << 10
"""Bytes of a base that are joined and deflated in the event loop: a millisecond."""
NO_CLOCK = "NULL"
TRIES = 3
"""Reads of one base: a view that is replaced during each of them is replaced in a loop."""


@dataclass(frozen=True)
class Reading:
    """The rows of a view just before `upper`, in the history that `epoch` names."""

    epoch: str
    upper: int
    columns: list[Column]
    rows: BaseRows


class Reader:
    """Queries about views. All errors are EngineError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._facts: tuple[Dialect, tuple[str, ...]] | None = None
        self._wanted: dict[str, asyncio.Future[Relation | EngineError]] = {}
        self._looking_up: asyncio.Task[None] | None = None
        self._repetitive: dict[str, tuple[Relation, list[Column]]] = {}
        """Views with so many rows, of which many may be equal, that they are read with weights."""

    async def relations(self, views: Sequence[str]) -> dict[str, Relation | EngineError]:
        """Find the relations that `views` name, with one query; an error for each without one."""
        try:
            with unexpected_errors():
                dialect, search_path = await self._facts_of_engine()
                rows = await self._look_up(views, dialect.clock)
                return {view: _find_relation(view, rows, search_path) for view in views}
        except EngineError as error:
            return dict.fromkeys(views, error)

    async def _look_up(self, views: Sequence[str], clock: str) -> list[list[str]]:
        """Ask `relations_query`; without the time, if the engine refuses to give one."""
        try:
            async with self._database.ask(relations_query(views, clock)) as answer:
                return [[value or "" for value in row] for row in answer.take(answer.size)]
        except EngineAwayError:
            raise
        except EngineError:
            if clock == NO_CLOCK:
                raise
            return await self._look_up(views, NO_CLOCK)

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

    async def base(self, name: ViewName) -> Reading:
        """Read the rows of a view or part with their time, in one epoch before and after."""
        with unexpected_errors():
            for _ in range(TRIES):
                before = await self.relation(name.view)
                read = await self._read(name, before)
                after = await self.relation(name.view)
                if before == after and after.epoch == _epoch_of_start(read.start, after.epoch):
                    return Reading(after.epoch, read.upper, read.columns, read.rows)
        raise EngineError("the view was replaced each time that it was read")

    async def _read(self, name: ViewName, relation: Relation) -> _Read:
        view, selection = str(name), Selection(relation, name.part)
        try:
            if (known := self._repetitive.get(view)) is None or known[0] != relation:
                read = await self._read_each(view, selection)
                if read is not None:
                    return read
            return await self._read_weighted(view, selection)
        except SlowAnswerError as error:
            await self.relation(name.view)  # raises if it is the engine that does not answer
            is_large = view in self._repetitive
            raise TooMuchError(_explain_slowness(error.seconds, is_large=is_large)) from error
        except EngineAwayError:
            self._facts = None  # another version may be started
            raise
        except EngineError as error:
            self._facts = None
            if name.part is not None and is_unfit_value(error.detail, name.part.value):
                sentence = f"{name.part.value!r} is no value of the column {name.part.column!r}"
                raise UnknownPartError(sentence, error.detail) from error
            hint = explain(name.view, error.detail)
            if hint is None:
                raise
            raise EngineError(hint, error.detail) from error

    async def _read_each(self, view: str, selection: Selection) -> _Read | None:
        """Read each row as often as it is there; None if these are too many."""
        sql = (await self.dialect()).base_query(selection, MAX_ROWS)
        async with self._database.ask(sql, selection.parameters) as answer:
            if answer.size > MAX_ROWS:
                columns = _columns(answer, 2)
                self._repetitive[view] = selection.relation, columns
                return None
            if answer.size:
                return await _collect(answer, 2, selection)
        return await self._read_few(selection)

    async def _read_few(self, selection: Selection) -> _Read:
        """Read a view that was empty, and so gave no row and no time."""
        sql = (await self.dialect()).empty_base_query(selection, MAX_ROWS)
        async with self._database.ask(sql, selection.parameters) as answer:
            if answer.size > MAX_ROWS:
                raise EngineError("the view grew while it was read")
            return await _collect(answer, 3, selection)

    async def _read_weighted(self, view: str, selection: Selection) -> _Read:
        """Read each different row with its weight."""
        _, columns = self._repetitive[view]
        sql = (await self.dialect()).weighted_base_query(selection, len(columns), MAX_ROWS)
        async with self._database.ask(sql, selection.parameters) as answer:
            if answer.size > MAX_ROWS:
                raise TooMuchError(
                    f"the view has more than {MAX_ROWS:,} different rows, the most that a base"
                    " may have: serve a view of fewer, by a filter or GROUP BY"
                )
            if answer.size:
                read = await _collect(answer, 3, selection, columns)
                if read.rows.total <= MAX_ROWS // 2:
                    del self._repetitive[view]
                return read
        del self._repetitive[view]
        return await self._read_few(selection)

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


async def encode_base(view: str, reading: Reading, compress_from: int | None) -> EncodedBase:
    """Encode a base; a large one in a worker thread, where what takes long releases the GIL."""
    arguments = (view, reading.epoch, reading.upper, reading.columns, compress_from)
    if reading.rows.size < ENCODE_AT_ONCE:
        return reading.rows.make(*arguments)
    return await asyncio.to_thread(reading.rows.make, *arguments)


def _find_relation(
    view: str, rows: Sequence[Sequence[str]], search_path: Sequence[str]
) -> Relation | EngineError:
    """The relation that `view` names, of the rows of `relations_query`."""
    _, name = split_view_name(view)
    try:
        found = find_relation(view, [row[:3] for row in rows if row[3] == name], search_path)
    except LookupError as error:
        return UnknownViewError(f"the engine answers: {error}")
    except ProtocolError as error:
        return EngineError(f"the engine's answer makes no sense: {error}")
    return replace(found, time=int(time)) if (time := rows[0][4]).isdigit() else found


def _epoch_of_start(start: str, epoch: str) -> str:
    """The epoch of the same object in the engine that started at `start`."""
    return make_epoch(start, epoch.partition("-")[2])


def _explain_slowness(seconds: float, *, is_large: bool) -> str:
    if is_large:
        return (
            f"the view has more than {MAX_ROWS:,} rows, and the engine does not count the equal"
            f" ones within {seconds:g} s: serve a view of fewer rows, or raise --engine-timeout"
        )
    return (
        f"the view is not read within {seconds:g} s, though the engine answers: raise"
        " --engine-timeout, or serve a view of fewer rows"
    )


def _columns(answer: Answer, extra: int) -> list[Column]:
    return [Column(name, type_name(oid)) for name, oid in answer.columns[extra:]]


@dataclass(frozen=True)
class _Read:
    """The contents of an answer."""

    start: str
    upper: int
    columns: list[Column]
    rows: BaseRows


async def _collect(
    answer: Answer, extra: int, selection: Selection, columns: list[Column] | None = None
) -> _Read:
    """Read an answer whose first columns are `extra`: time, start time, and a third one perhaps.

    That is the weight of a row if the view's `columns` are given, or else NULL where the view has
    no row.
    """
    rows = BaseRows()
    found = _columns(answer, extra) if columns is None else columns
    is_selected = _filter(selection, found, extra)
    time = start = ""
    while taken := answer.take(COLLECT_SLICE):
        time, start = taken[0][0] or "", taken[0][1] or ""
        if is_selected is not None:
            taken = [row for row in taken if is_selected(row)]
        if columns is not None:
            rows.add_weighted({row[extra:]: int(row[2] or 0) for row in taken})
        else:
            rows.add([row[extra:] for row in taken if extra == 2 or row[2] is not None])
        await asyncio.sleep(0)
    if not time.isdigit():
        raise EngineError(f"the engine's answer makes no sense: expected a time, found {time!r}")
    return _Read(start, min(int(time), MAX_TIME - 1) + 1, found, rows)


def _filter(
    selection: Selection, columns: Sequence[Column], extra: int
) -> Callable[[Row], bool] | None:
    """Return what finds the rows of a part by their text; None if all rows are read."""
    part = selection.part
    if part is None:
        return None
    found = [index for index, column in enumerate(columns) if column.name == part.column]
    problem = explain_column(str(selection.relation), part.column, len(found))
    if problem is not None:
        raise EngineError(problem)
    index, value = extra + found[0], part.value
    return lambda row: row[index] == value
