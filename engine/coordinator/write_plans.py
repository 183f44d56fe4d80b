"""Plans INSERT, UPDATE, DELETE and COPY FROM as queries for the rows that change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlglot import exp

from engine.catalog import Item, Kind
from engine.coordinator.runtime import Runtime
from engine.errors import SqlError
from engine.query import Query, compile_query
from engine.relation import Column, Relation
from engine.sql.dialect import EngineSql
from engine.sql.statements import (
    ColumnDefinition,
    CopyFrom,
    CreateTable,
    Delete,
    Insert,
    Name,
    Update,
    WriteStatement,
)
from engine.types import TEXT, SqlType


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
    item = _table(runtime, statement.table)
    if isinstance(statement, Insert):
        return Write(item.id, "INSERT 0", _insert_query(runtime, item, statement))
    selected: list[exp.Expr] = [exp.Star()]
    assigned: tuple[int, ...] = ()
    if isinstance(statement, Update):
        assigned = tuple(position(item, name) for name, _ in statement.assignments)
        if len(set(assigned)) < len(assigned):
            raise SqlError("multiple assignments to the same column", "42601")
        for index, (_, value) in zip(assigned, statement.assignments, strict=True):
            selected.append(_cast(value, item, index))
    query = _select_from(statement, selected)
    command = "UPDATE" if isinstance(statement, Update) else "DELETE"
    return Write(item.id, command, _compile(runtime, query), assigned)


def _table(runtime: Runtime, name: Name) -> Item:
    item = runtime.catalog.get(name)
    if item.kind is not Kind.TABLE or item.is_system:
        raise SqlError(f"'{item.full_name}' is not a table that can be written to", "42809")
    return item


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


def position(item: Item, name: str) -> int:
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
    targets = [position(item, name) for name in names]
    if len(set(targets)) < len(targets):
        raise SqlError("a column is named more than once in INSERT", "42701")
    listed = bool(statement.columns)
    query = statement.query
    if (values := _values(query)) is not None:
        rows = [whole_row(item, targets, row.expressions, listed) for row in values.expressions]
        values.set("expressions", [exp.Tuple(expressions=row) for row in rows])
        names_of: list[exp.Expr] = [
            exp.to_identifier(f"column{i}") for i in range(len(item.columns))
        ]
        alias = exp.TableAlias(this=exp.to_identifier("given"), columns=names_of)
        values.set("alias", alias)
        return _compile(runtime, exp.select("*").from_(values))
    if isinstance(query, exp.Select) and not any(e.is_star for e in query.expressions):
        row = whole_row(item, targets, [e.unalias() for e in query.expressions], listed)
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
    row = whole_row(item, targets, given, listed)
    alias = exp.TableAlias(
        this=exp.to_identifier("given"),
        columns=[exp.to_identifier(f"c{index}") for index in range(width)],
    )
    selected = [exp.alias_(e, f"column{i}") for i, e in enumerate(row)]
    return exp.Select(expressions=selected).from_(exp.Subquery(this=query.copy(), alias=alias))


def whole_row(
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


# COPY FROM


COPIED = "copied"
"""The id and the name of the relation whose rows a COPY brings, as text."""


@dataclass(frozen=True)
class CopyTarget:
    """A planned COPY FROM; `query` makes rows of the table, whose id is `table`, of `columns`."""

    table: str
    columns: tuple[Column, ...]
    query: Query


class _Copied:
    """Resolves the one name of the query of a COPY."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns

    def resolve(self, parts: Name) -> Relation:
        return Relation(COPIED, COPIED, self._columns)


def plan_copy(runtime: Runtime, statement: CopyFrom) -> CopyTarget:
    """Compile the conversion of a COPY's texts to rows of the table; raises SqlError."""
    item = _table(runtime, statement.table)
    names = statement.columns or tuple(column.name for column in item.columns)
    targets = [position(item, name) for name in names]
    if len(set(targets)) < len(targets):
        raise SqlError("a column is named more than once in COPY", "42701")
    columns = tuple(Column(f"c{index}", TEXT) for index in range(len(names)))
    given: list[exp.Expr] = [exp.column(column.name, COPIED) for column in columns]
    row = whole_row(item, targets, given, listed=True)
    selected = [exp.alias_(e, f"column{index}") for index, e in enumerate(row)]
    tree = exp.Select(expressions=selected).from_(COPIED)
    query = compile_query(tree, _Copied(columns), runtime.environment, maintained=False)
    return CopyTarget(item.id, columns, query)
