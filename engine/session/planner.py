"""Makes plans: binds the names of a statement, and compiles its queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from engine.coordinator import Coordinator
from engine.errors import SqlError
from engine.query import Query
from engine.relation import Column, Relation
from engine.session.constants import with_session_constants
from engine.session.parameters import declared_types, with_arguments
from engine.session.plan import (
    AnswerPlan,
    CommandPlan,
    CopyFromPlan,
    CopyPlan,
    DeclarePlan,
    FetchPlan,
    Plan,
    SelectPlan,
    TailPlan,
    WritePlan,
)
from engine.session.settings import Settings
from engine.sql import statements as s
from engine.types import TEXT

MAX_COLUMNS = 1600
"""The widest result; PostgreSQL's own limit is of that order."""


class Planner:
    """Makes plans for one session.

    `cursor_columns` returns the columns of a cursor, `prepared` a prepared statement with the oids
    of its declared types; both raise SqlError for an unknown name.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        settings: Settings,
        cursor_columns: Callable[[str], tuple[Column, ...]],
        prepared: Callable[[str], tuple[s.Statement | None, tuple[int, ...]]],
    ) -> None:
        self._coordinator = coordinator
        self._settings = settings
        self._cursor_columns = cursor_columns
        self._prepared = prepared
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
            case s.Copy(source, form):
                return CopyPlan(self._read(source, declared), form)
            case s.CopyFrom():
                return CopyFromPlan(statement, self._coordinator.plan_copy(statement))
            case s.Declare(cursor, source):
                return DeclarePlan(cursor, self._read(source, declared))
            case s.Fetch(cursor):
                return FetchPlan(statement, self._cursor_columns(cursor))
            case s.Execute():
                return self._execute(statement)
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

    def _execute(self, execute: s.Execute) -> Plan:
        statement, oids = self._prepared(execute.name)
        if not isinstance(statement, s.Select | s.Tail | s.Insert | s.Update | s.Delete):
            raise SqlError(f'prepared statement "{execute.name}" cannot be run by EXECUTE', "0A000")
        return self._plan(with_arguments(statement, oids, execute.arguments), ())

    def _read(self, statement: s.Select | s.Tail, declared: Sequence[int]) -> SelectPlan | TailPlan:
        as_of = None if statement.as_of is None else self._as_of(statement.as_of)
        if isinstance(statement, s.Select):
            tree = declared_types(statement.query, declared)
            return SelectPlan(self._compile(tree, maintained=False), as_of)
        up_to = None if statement.up_to is None else self._as_of(statement.up_to)
        template = None
        target: Relation | Query
        if isinstance(statement.target, exp.Query):
            tree = declared_types(statement.target, declared)
            template = tree if tree.find(exp.Parameter) else None
            target = self._compile(tree, maintained=template is None)
        else:
            target = self._coordinator.resolver.resolve(statement.target)
        known = {column.name for column in target.columns}
        if unknown := [name for name in statement.upsert_key if name not in known]:
            raise SqlError(f'column "{unknown[0]}" in the key of UPSERT does not exist', "42703")
        return TailPlan(target, statement, as_of, up_to, template)

    def _compile(self, query: exp.Query, *, maintained: bool) -> Query:
        tree = with_session_constants(query, self._settings, self.process_id)
        return self._coordinator.compile(tree, maintained=maintained)

    def _as_of(self, expression: exp.Expr) -> Query:
        query = exp.Select(expressions=[expression.copy()])
        return self._compile(query, maintained=False)

    def _write(self, statement: s.WriteStatement, declared: Sequence[int]) -> WritePlan:
        if isinstance(statement, s.Insert):
            query = declared_types(statement.query, declared)
            statement = s.Insert(statement.table, statement.columns, query)
        elif isinstance(statement, s.Update):
            assignments = tuple(
                (name, declared_types(value, declared)) for name, value in statement.assignments
            )
            where = None if statement.where is None else declared_types(statement.where, declared)
            statement = s.Update(statement.table, statement.alias, assignments, where)
        elif statement.where is not None:
            where = declared_types(statement.where, declared)
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
