"""INSERT, UPDATE and DELETE: planned as queries that tell which rows go and which come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlglot import exp

from engine.catalog import Item, Kind
from engine.coordinator.collection import Table
from engine.coordinator.graph import pieces
from engine.coordinator.reads import peek_zset
from engine.coordinator.restore import to_text
from engine.coordinator.runtime import Runtime
from engine.errors import SqlError
from engine.query import Query
from engine.relation import Column
from engine.sql.dialect import EngineSql
from engine.sql.statements import (
    ColumnDefinition,
    CreateTable,
    Delete,
    Insert,
    Update,
    WriteStatement,
)
from engine.storage import StoredUpdates
from engine.types import SqlType
from engine.zset import Row, Value, ZSet, add


@dataclass(frozen=True)
class Write:
    """A planned INSERT, UPDATE or DELETE; `parameters` are the types of `$1`, `$2` and so on.

    `command` is `INSERT 0`, `UPDATE` or `DELETE`: with the number of rows it is the command tag.
    """

    table: str
    command: str
    query: Query
    assigned: tuple[int, ...] = ()
    """For an UPDATE: the columns whose new values the query gives after the old row."""

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.query.parameters


def plan_write(runtime: Runtime, statement: WriteStatement) -> Write:
    """Compile an INSERT, UPDATE or DELETE; the values are cast to the table's types."""
    item = runtime.catalog.get(statement.table)
    if item.kind is not Kind.TABLE or item.is_system:
        raise SqlError(f"'{item.full_name}' is not a table that can be written to", "42809")
    if isinstance(statement, Insert):
        return Write(item.id, "INSERT 0", _insert_query(runtime, item, statement))
    selected: list[exp.Expr] = [exp.Star()]
    assigned: tuple[int, ...] = ()
    if isinstance(statement, Update):
        assigned = tuple(_position(item, name) for name, _ in statement.assignments)
        if len(set(assigned)) < len(assigned):
            raise SqlError("multiple assignments to the same column", "42601")
        for index, (_, value) in zip(assigned, statement.assignments, strict=True):
            selected.append(_cast(value, item, index))
    query = _select_from(statement, selected)
    command = "UPDATE" if isinstance(statement, Update) else "DELETE"
    return Write(item.id, command, _compile(runtime, query), assigned)


def _select_from(statement: Update | Delete, selected: Sequence[exp.Expr]) -> exp.Query:
    table = exp.Table(
        **dict(
            zip(
                ("this", "db", "catalog"),
                (exp.to_identifier(part, quoted=True) for part in reversed(statement.table)),
                strict=False,
            )
        )
    )
    if statement.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(statement.alias, quoted=True)))
    aliased = [selected[0], *(exp.alias_(e, f"new_{i}") for i, e in enumerate(selected[1:]))]
    query = exp.Select(expressions=aliased).from_(table)
    return query.where(statement.where.copy()) if statement.where is not None else query


def _compile(runtime: Runtime, query: exp.Query) -> Query:
    return runtime.compile(query, maintained=False)


def _position(item: Item, name: str) -> int:
    for index, column in enumerate(item.columns):
        if column.name == name:
            return index
    raise SqlError(f'column "{name}" of relation "{item.name}" does not exist', "42703")


def _cast(value: exp.Expr, item: Item, index: int) -> exp.Expr:
    definition = _definitions(item)[index]
    if _is_default(value):
        value = _default(definition)
    to = _data_type(definition.type.sql_name).copy()
    for number in definition.modifiers:
        to.append("expressions", exp.DataTypeParam(this=exp.Literal.number(number)))
    return exp.Cast(this=value.copy(), to=to, assigned=True)


@cache
def _data_type(sql_name: str) -> exp.DataType:
    return exp.DataType.build(sql_name, dialect=EngineSql)


def _is_default(value: exp.Expr) -> bool:
    """Whether it is the word DEFAULT, which sqlglot takes for a name."""
    word = value.this if isinstance(value, exp.Column) and not value.table else value
    unquoted = isinstance(word, exp.Var) or (isinstance(word, exp.Identifier) and not word.quoted)
    return unquoted and value.name.upper() == "DEFAULT"


def _default(definition: ColumnDefinition) -> exp.Expr:
    return exp.Null() if definition.default is None else definition.default


def _definitions(item: Item) -> tuple[ColumnDefinition, ...]:
    assert isinstance(item.definition, CreateTable)
    return item.definition.columns


# INSERT


def _insert_query(runtime: Runtime, item: Item, statement: Insert) -> Query:
    """A query for whole rows of the table, of its types."""
    names = statement.columns or tuple(column.name for column in item.columns)
    targets = [_position(item, name) for name in names]
    if len(set(targets)) < len(targets):
        raise SqlError("a column is named more than once in INSERT", "42701")
    listed = bool(statement.columns)
    query = statement.query
    if (values := _values(query)) is not None:
        rows = [_whole_row(item, targets, row.expressions, listed) for row in values.expressions]
        values.set("expressions", [exp.Tuple(expressions=row) for row in rows])
        names_of: list[exp.Expr] = [
            exp.to_identifier(f"column{i}") for i in range(len(item.columns))
        ]
        alias = exp.TableAlias(this=exp.to_identifier("given"), columns=names_of)
        values.set("alias", alias)
        return _compile(runtime, exp.select("*").from_(values))
    if isinstance(query, exp.Select) and not any(e.is_star for e in query.expressions):
        row = _whole_row(item, targets, [e.unalias() for e in query.expressions], listed)
        if not (query.args.get("order") or query.args.get("distinct") or query.args.get("group")):
            names_of = [exp.alias_(e, f"column{i}") for i, e in enumerate(row)]
            return _compile(runtime, query.copy().select(*names_of, append=False))
    return _compile(runtime, _cast_around(runtime, item, targets, query, listed))


def _values(query: exp.Query) -> exp.Values | None:
    """A copy of the VALUES list that the query is, None if it is another one."""
    if isinstance(query, exp.Subquery):
        return _values_of(query)
    source = query.args.get("from_")
    plain = {"expressions", "from_"} >= {part for part, value in query.args.items() if value}
    if not plain or source is None or query.expressions != [exp.Star()]:
        return None
    return _values_of(source)


def _values_of(holder: exp.Expr) -> exp.Values | None:
    return holder.this.copy() if isinstance(holder.this, exp.Values) else None


def _cast_around(
    runtime: Runtime, item: Item, targets: Sequence[int], query: exp.Query, listed: bool
) -> exp.Query:
    """The same for a query whose columns cannot be replaced one by one."""
    width = len(_compile(runtime, query).columns)
    given: list[exp.Expr] = [exp.column(f"c{index}", "given") for index in range(width)]
    row = _whole_row(item, targets, given, listed)
    alias = exp.TableAlias(
        this=exp.to_identifier("given"),
        columns=[exp.to_identifier(f"c{index}") for index in range(width)],
    )
    selected = [exp.alias_(e, f"column{i}") for i, e in enumerate(row)]
    return exp.Select(expressions=selected).from_(exp.Subquery(this=query.copy(), alias=alias))


def _whole_row(
    item: Item, targets: Sequence[int], given: Sequence[exp.Expr], listed: bool
) -> list[exp.Expr]:
    """An expression for each column of the table; those that are not given have their default."""
    if len(given) > len(targets):
        raise SqlError("INSERT has more expressions than target columns", "42601")
    if len(given) < len(targets) and listed:
        raise SqlError("INSERT has more target columns than expressions", "42601")
    values = dict(zip(targets, given, strict=False))
    return [
        _cast(values.get(index, _default(definition)), item, index)
        for index, definition in enumerate(_definitions(item))
    ]


# Doing it


async def write(runtime: Runtime, writes: Sequence[tuple[Write, Sequence[Value]]]) -> list[int]:
    """Do some writes at one time, all or none; the caller lets in one call at a time.

    Each sees the tables as they were before the first.
    """
    counts: list[int] = []
    changes: dict[str, ZSet] = {}
    for planned, parameters in writes:
        table = runtime.collection(planned.table)
        assert isinstance(table, Table)
        rows = await peek_zset(runtime, planned.query, parameters)
        target = changes.setdefault(planned.table, {})
        item = runtime.catalog[planned.table]
        async with runtime.pacer:
            for piece in pieces(rows):
                change = _change(planned, piece, table.columns)
                _check_nulls(item, change)
                add(target, change)
                await runtime.pacer.breathe()
        counts.append(sum(rows.values()))
    changes = {table: change for table, change in changes.items() if change}
    if changes:
        await _commit(runtime, changes)
    return counts


def _change(planned: Write, rows: ZSet, columns: Sequence[Column]) -> ZSet:
    if planned.command == "INSERT 0":
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
    async with runtime.standing_still() as time:
        stored: list[StoredUpdates] = []
        async with runtime.pacer:
            for table, change in changes.items():
                texts: list[tuple[int, tuple[str | None, ...]]] = []
                for piece in pieces(change):
                    texts += _texts(runtime, table, piece)
                    await runtime.pacer.breathe()
                stored.append(StoredUpdates(table, time, texts))
        await asyncio.to_thread(runtime.store.append, stored)
        for table, change in changes.items():
            collection = runtime.collection(table)
            assert isinstance(collection, Table)
            collection.stored_updates += len(change)
        await runtime.tick_in_slices(changes, time)


def _texts(runtime: Runtime, table: str, change: ZSet) -> list[tuple[int, tuple[str | None, ...]]]:
    columns = runtime.collection(table).columns
    return [(diff, to_text(columns, row)) for row, diff in change.items()]
