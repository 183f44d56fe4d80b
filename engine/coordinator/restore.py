"""Rebuilds catalog, tables and running views from the store after a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable

from engine.catalog import Kind
from engine.coordinator.collection import Table
from engine.coordinator.definitions import Definitions
from engine.coordinator.preparation import Prepared, index_item, schema_item
from engine.coordinator.runtime import Runtime
from engine.errors import SqlError
from engine.relation import Column
from engine.sql.statements import (
    CreateIndex,
    CreateSchema,
    CreateSource,
    CreateTable,
    CreateView,
    Statement,
)
from engine.storage import StoredItem
from engine.storage.store import TextRow
from engine.zset import Row, ZSet

_logger = logging.getLogger(__name__)

Parse = Callable[[str], Statement | None]


def restore(runtime: Runtime, definitions: Definitions, parse: Parse) -> None:
    """Install the stored items; one that is no longer valid is logged and left out."""
    runtime.catalog.last_id = runtime.store.last_id()
    built: list[Prepared] = []
    definitions.preparation.files_may_be_missing = True
    for stored in runtime.store.items():
        try:
            prepared = _restored(runtime, definitions, stored, parse)
            definitions.install([prepared], build=False)
        except SqlError as error:
            _logger.warning("could not restore %s (%s): %s", stored.id, stored.sql, error)
        else:
            built.append(prepared)
    definitions.preparation.files_may_be_missing = False
    definitions.build(built)
    runtime.ticks.tick({})


def _restored(
    runtime: Runtime, definitions: Definitions, stored: StoredItem, parse: Parse
) -> Prepared:
    statement = parse(stored.sql)
    if isinstance(statement, CreateSchema):
        return Prepared(schema_item(stored.id, statement))
    if isinstance(statement, CreateIndex):
        assert statement.name is not None
        relation = runtime.catalog.get(statement.relation)
        index = index_item(stored.id, statement.name, relation, statement)
        return Prepared(index, definitions.preparation.collection_of_index(relation))
    if not isinstance(statement, CreateSource | CreateTable | CreateView):
        raise SqlError("the stored statement makes no item")
    schema, name = runtime.catalog.qualify(statement.name)
    prepared = definitions.preparation.prepare(statement, stored.id, schema, name)
    if prepared.item.kind is Kind.TABLE:
        assert isinstance(prepared.collection, Table)
        _load(runtime, prepared.collection)
    return prepared


def _load(runtime: Runtime, table: Table) -> None:
    """Read a table's rows, with the times they got, so that its history goes on where it was."""
    runtime.store.compact(table.id, runtime.window.start)
    for stored in runtime.store.updates(table.id):
        change: ZSet = {}
        for diff, row in stored.updates:
            values = from_text(table.columns, row)
            change[values] = change.get(values, 0) + diff
        table.history.append(stored.time, {row: diff for row, diff in change.items() if diff})


def from_text(columns: tuple[Column, ...], row: TextRow) -> Row:
    """The row that `to_text` wrote."""
    return tuple(
        None if text is None else column.type.from_text(text)
        for column, text in zip(columns, row, strict=True)
    )


def to_text(columns: tuple[Column, ...], row: Row) -> TextRow:
    """A row as the text forms of its values."""
    return tuple(
        None if value is None else column.type.to_text(value)
        for column, value in zip(columns, row, strict=True)
    )
