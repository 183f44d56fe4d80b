"""What a statement will do, once names are bound: its columns, its parameters, what it reads.

A plan is made when a statement is prepared, and run as often as it is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias, TypeVar, cast

from sqlglot import exp

from engine.coordinator import Coordinator, Write
from engine.errors import SqlError
from engine.query import Query
from engine.relation import Column, Relation
from engine.session.constants import with_session_constants
from engine.session.rows import tail_columns
from engine.session.settings import Settings
from engine.sql import statements as s
from engine.types import TEXT, UNKNOWN, SqlType, by_oid
from engine.zset import Row, Value

T = TypeVar("T", bound=exp.Expr)

MAX_COLUMNS = 1600
"""The widest result; PostgreSQL's own limit is of that order."""


@dataclass(frozen=True)
class SelectPlan:
    query: Query
    as_of: Query | None

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.query.columns

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.query.parameters


@dataclass(frozen=True)
class TailPlan:
    """`template` is the query to compile once its parameters are known, None if it has none."""

    target: Relation | Query
    snapshot: bool
    progress: bool
    as_of: Query | None
    template: exp.Query | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        return tail_columns(self.target.columns, progress=self.progress)

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return () if isinstance(self.target, Relation) else self.target.parameters


@dataclass(frozen=True)
class AnswerPlan:
    """Rows that are known without reading a relation: a setting, a definition, a plan."""

    columns: tuple[Column, ...]
    rows: Callable[[], list[Row]]
    parameters: tuple[SqlType, ...] = ()


@dataclass(frozen=True)
class FetchPlan:
    """`columns` are those of the cursor, as it was when the plan was made."""

    statement: s.Fetch
    columns: tuple[Column, ...]
    parameters: tuple[SqlType, ...] = ()


ReadPlan: TypeAlias = SelectPlan | TailPlan | AnswerPlan
RowsPlan: TypeAlias = ReadPlan | FetchPlan
"""What answers with rows."""


@dataclass(frozen=True)
class CopyPlan:
    source: SelectPlan | TailPlan
    binary: bool

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.source.parameters


@dataclass(frozen=True)
class DeclarePlan:
    cursor: str
    source: SelectPlan | TailPlan

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.source.parameters


@dataclass(frozen=True)
class WritePlan:
    write: Write

    @property
    def is_constant(self) -> bool:
        """Whether it adds rows that depend on no relation."""
        return self.write.command.startswith("INSERT") and not self.write.query.inputs

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.write.parameters


@dataclass(frozen=True)
class CommandPlan:
    """Any other statement; it has no rows and no parameters."""

    statement: s.DdlStatement | s.Control
    parameters: tuple[SqlType, ...] = ()


Plan: TypeAlias = RowsPlan | CopyPlan | DeclarePlan | WritePlan | CommandPlan


class Planner:
    """Makes plans for one session. `cursor_columns` gives those of a cursor, or raises SqlError."""

    def __init__(
        self,
        coordinator: Coordinator,
        settings: Settings,
        cursor_columns: Callable[[str], tuple[Column, ...]],
    ) -> None:
        self._coordinator = coordinator
        self._settings = settings
        self._cursor_columns = cursor_columns
        self.process_id = 0
        """The number of the session, for `pg_backend_pid()`."""

    def plan(self, statement: s.Statement, declared: Sequence[int] = ()) -> Plan:
        """Bind the names of a statement; raises SqlError.

        `declared` are the oids of the types of its parameters, 0 for those to be inferred.
        """
        plan = self._plan(statement, declared)
        columns = getattr(plan, "columns", None)
        if columns is not None and len(columns) > MAX_COLUMNS:
            raise SqlError(f"expected at most {MAX_COLUMNS} columns, found {len(columns)}", "54011")
        return plan

    def _plan(self, statement: s.Statement, declared: Sequence[int]) -> Plan:
        match statement:
            case s.Select() | s.Tail():
                return self._read(statement, declared)
            case s.Copy(source, binary):
                return CopyPlan(self._read(source, declared), binary)
            case s.Declare(cursor, source):
                return DeclarePlan(cursor, self._read(source, declared))
            case s.Fetch(cursor):
                return FetchPlan(statement, self._cursor_columns(cursor))
            case s.ShowVariable(name):
                return self._show_variable(name)
            case s.ShowCreate():
                return self._show_create(statement)
            case s.ShowParts(relation, select):
                self._coordinator.resolver.resolve(relation)
                return self._read(select, declared)
            case s.Explain(target):
                return self._explain(target)
            case s.Insert() | s.Update() | s.Delete():
                return self._write(statement, declared)
        return CommandPlan(statement)

    def _read(self, statement: s.Select | s.Tail, declared: Sequence[int]) -> SelectPlan | TailPlan:
        as_of = None if statement.as_of is None else self._as_of(statement.as_of)
        if isinstance(statement, s.Select):
            tree = _declare(statement.query, declared)
            return SelectPlan(self._compile(tree, maintained=False), as_of)
        if not isinstance(statement.target, exp.Query):
            relation = self._coordinator.resolver.resolve(statement.target)
            return TailPlan(relation, statement.snapshot, statement.progress, as_of)
        tree = _declare(statement.target, declared)
        template = tree if tree.find(exp.Parameter) else None
        query = self._compile(tree, maintained=template is None)
        return TailPlan(query, statement.snapshot, statement.progress, as_of, template)

    def _compile(self, query: exp.Query, *, maintained: bool) -> Query:
        tree = with_session_constants(query, self._settings, self.process_id)
        return self._coordinator.compile(tree, maintained=maintained)

    def _as_of(self, expression: exp.Expr) -> Query:
        query = exp.Select(expressions=[expression.copy()])
        return self._compile(query, maintained=False)

    def _write(self, statement: s.WriteStatement, declared: Sequence[int]) -> WritePlan:
        if isinstance(statement, s.Insert):
            query = _declare(statement.query, declared)
            statement = s.Insert(statement.table, statement.columns, query)
        elif isinstance(statement, s.Update):
            assignments = tuple(
                (name, _declare(value, declared)) for name, value in statement.assignments
            )
            where = None if statement.where is None else _declare(statement.where, declared)
            statement = s.Update(statement.table, statement.alias, assignments, where)
        elif statement.where is not None:
            where = _declare(statement.where, declared)
            statement = s.Delete(statement.table, statement.alias, where)
        return WritePlan(self._coordinator.plan_write(statement))

    def _show_variable(self, name: str | None) -> AnswerPlan:
        if name is None:
            columns = (Column("name", TEXT), Column("setting", TEXT))
            return AnswerPlan(columns, lambda: list(self._settings.all().items()))
        self._settings.get(name)
        return AnswerPlan((Column(name, TEXT),), lambda: [(self._settings.get(name),)])

    def _show_create(self, statement: s.ShowCreate) -> AnswerPlan:
        item = self._coordinator.catalog.get(statement.name)
        if item.kind.value != statement.kind or item.definition is None:
            raise SqlError(f"'{item.full_name}' is not a {statement.kind} that was created")
        kind = statement.kind.capitalize()
        columns = (Column(kind, TEXT), Column(f"Create {kind}", TEXT))
        row = (item.full_name, item.definition.sql)
        return AnswerPlan(columns, lambda: [row])

    def _explain(self, target: s.Name | exp.Query) -> AnswerPlan:
        if isinstance(target, exp.Query):
            query = self._compile(target, maintained=False)
        else:
            item = self._coordinator.catalog.get(target)
            if item.query is None:
                raise SqlError(f"'{item.full_name}' is not a view", "42809")
            query = self._compile(item.query, maintained=True)
        plan = "\n".join(query.explain)
        return AnswerPlan((Column("Optimized Plan", TEXT),), lambda: [(plan,)])


def _declare(tree: T, oids: Sequence[int]) -> T:
    """The tree with a cast around each parameter whose type the client has declared."""
    types = {
        number: by_oid(oid)
        for number, oid in enumerate(oids, start=1)
        if oid not in (0, UNKNOWN.oid)
    }
    if not types:
        return tree

    def declare(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Parameter):
            kind = types.get(int(node.name))
            if kind is not None:
                return exp.Cast(this=node, to=exp.DataType.build(kind.sql_name, "postgres"))
        return node

    return cast(T, tree.copy().transform(declare))


def with_values(tree: exp.Query, types: Sequence[SqlType], values: Sequence[Value]) -> exp.Query:
    """The query with each parameter replaced by its value, as a literal of its type.

    What is maintained has no parameters: a TAIL of such a query is one of its own.
    """

    def replace(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Parameter):
            return node
        number = int(node.name) - 1
        kind, value = types[number], values[number]
        literal = exp.Null() if value is None else exp.Literal.string(kind.to_text(value))
        return exp.Cast(this=literal, to=exp.DataType.build(kind.sql_name, "postgres"))

    return cast(exp.Query, tree.copy().transform(replace))


_EPOCH = datetime(1970, 1, 1)


def as_of_time(value: Value, kind: SqlType) -> int:
    """The time in milliseconds that the expression of an AS OF gave; raises SqlError."""
    if value is None:
        raise SqlError("AS OF must not be null: expected a time", "22004")
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, str):
        value = Decimal(value) if value.strip().lstrip("-").isdecimal() else value
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and value == int(value):
        if not 0 <= value < 2**64:
            raise SqlError("out of range integral type conversion attempted")
        return int(value)
    raise SqlError(
        f"expected a time after AS OF, in milliseconds or as a timestamp; found {kind.sql_name}",
        "42804",
    )
