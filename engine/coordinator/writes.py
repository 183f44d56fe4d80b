"""Carries out INSERT, UPDATE, DELETE and COPY FROM: all changes of a transaction at one time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from engine.catalog import Item
from engine.coordinator.collection import Stored, Table
from engine.coordinator.graph import pieces_of
from engine.coordinator.history import History
from engine.coordinator.hydration import evaluate
from engine.coordinator.reads import ReadTransaction, peek_zset, raise_errors
from engine.coordinator.restore import to_text
from engine.coordinator.runtime import Runtime
from engine.coordinator.write_plans import COPIED, CopyTarget, Write
from engine.errors import SqlError
from engine.relation import Column
from engine.storage import StoredUpdates
from engine.zset import Row, Value, ZSet, add


@dataclass(frozen=True)
class CopiedRows:
    """Rows that a COPY FROM adds to a table."""

    table: str
    rows: ZSet


async def copied_rows(runtime: Runtime, target: CopyTarget, texts: ZSet) -> CopiedRows:
    """Convert the texts of a COPY to rows; raises SqlError for a text that is not of its type."""
    time = runtime.window.start
    given = Stored(COPIED, COPIED, target.columns, History(time))
    given.history.append(time + 1, texts)
    given.set_complete()
    flow = target.query.dataflow(runtime.environment, (), time + 1)
    rows = await evaluate(flow, {COPIED: given}, time + 1, runtime.pacer)
    raise_errors(flow.errors)
    return CopiedRows(target.table, rows)


async def write(
    runtime: Runtime, writes: Sequence[tuple[Write | CopiedRows, Sequence[Value]]]
) -> list[int]:
    """Carry out writes at one time, all or none; calls must not overlap.

    Each sees the tables as they were before the first. Returns how many rows each has touched.
    """
    counts: list[int] = []
    changes: dict[str, ZSet] = {}
    transaction = ReadTransaction(runtime)  # for now(), which is the same for all
    for planned, parameters in writes:
        table = runtime.collection(planned.table)
        assert isinstance(table, Table)
        if isinstance(planned, CopiedRows):
            rows = planned.rows
        else:
            rows = await peek_zset(runtime, planned.query, parameters, transaction)
        target = changes.setdefault(planned.table, {})
        item = runtime.catalog[planned.table]
        async with runtime.pacer:
            for piece in pieces_of(rows):
                change = _change(planned, piece, table.columns)
                _check_nulls(item, change)
                add(target, change)
                await runtime.pacer.breathe()
        counts.append(sum(rows.values()))
    changes = {table: change for table, change in changes.items() if change}
    if changes:
        await _commit(runtime, changes)
    return counts


def _change(planned: Write | CopiedRows, rows: ZSet, columns: Sequence[Column]) -> ZSet:
    if isinstance(planned, CopiedRows) or planned.command == "INSERT 0":
        return rows
    width = len(columns)
    change: ZSet = {}
    for row, weight in rows.items():
        add(change, {row[:width]: -weight})
        if planned.command == "UPDATE":
            add(change, {_updated(row, width, planned.assigned): weight})
    return change


def _updated(row: Row, width: int, assigned: Sequence[int]) -> Row:
    new = list(row[:width])
    for index, value in zip(assigned, row[width:], strict=True):
        new[index] = value
    return tuple(new)


def _check_nulls(item: Item, change: ZSet) -> None:
    for index, (column, nullable) in enumerate(zip(item.columns, item.nullable, strict=True)):
        if not nullable and any(w > 0 and row[index] is None for row, w in change.items()):
            raise SqlError(
                f'null value in column "{column.name}" violates not-null constraint', "23502"
            )


async def _commit(runtime: Runtime, changes: dict[str, ZSet]) -> None:
    """Make changes durable under their time, then visible; other ticks wait until then."""
    async with runtime.ticks.reserved_time() as time:
        stored: list[StoredUpdates] = []
        async with runtime.pacer:
            for table, change in changes.items():
                texts: list[tuple[int, tuple[str | None, ...]]] = []
                for piece in pieces_of(change):
                    texts += _texts(runtime, table, piece)
                    await runtime.pacer.breathe()
                stored.append(StoredUpdates(table, time, texts))
        await asyncio.to_thread(runtime.store.append, stored)
        for table, change in changes.items():
            collection = runtime.collection(table)
            assert isinstance(collection, Table)
            collection.stored_updates += len(change)
        await runtime.ticks.tick_in_slices(changes, time)


def _texts(runtime: Runtime, table: str, change: ZSet) -> list[tuple[int, tuple[str | None, ...]]]:
    columns = runtime.collection(table).columns
    return [(diff, to_text(columns, row)) for row, diff in change.items()]
