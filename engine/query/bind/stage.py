"""Expressions over the rows of a plan that is being built."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.aggregates import aggregate_name
from engine.query.bind.calls import call_in_expression
from engine.query.bind.clauses import no_windows
from engine.query.bind.context import Bound, Context, Surroundings, Tables
from engine.query.names import Names, number_of, numbered
from engine.query.plan import OUTER, Apply, Plan
from engine.scalar import Scalar, Scope, coerce, compile_scalar
from engine.types import BOOL, SqlType


class Stage:
    """A plan, the names of its columns, and expressions over them.

    A subquery inside an expression becomes a column of the plan: `plan` grows to the right.
    """

    def __init__(self, context: Context, plan: Plan, names: Names, tables: Tables) -> None:
        self.context = context
        self.plan = plan
        self.names = names
        self.tables = tables
        self._types: dict[int, SqlType] = {}

    @property
    def inside(self) -> Surroundings:
        """Where a subquery of this stage stands."""
        return Surroundings(self.names, self.tables)

    def scalar(self, tree: exp.Expr, *, keep_unknown: bool = False) -> Scalar:
        """A tree as a typed expression over the plan's columns; raises SqlError."""
        return self.compile(self.resolve(tree), keep_unknown=keep_unknown)

    def predicate(self, tree: exp.Expr, clause: str) -> Scalar:
        """A condition; raises SqlError if it is not boolean."""
        scalar = self.scalar(tree, keep_unknown=True)
        if scalar.type.name == "unknown":
            return self.coerce(scalar, BOOL, f"argument of {clause}")
        if scalar.type is not BOOL:
            raise SqlError(
                f"argument of {clause} must be type boolean, not type {scalar.type.sql_name}",
                "42804",
            )
        return scalar

    def coerce(self, scalar: Scalar, target: SqlType, what: str) -> Scalar:
        """Convert as for an assignment; a parameter without a type gets that one."""
        if scalar.type is target:
            return scalar
        return coerce(scalar, target, what, Scope(self._find, self.context.parameters))

    def compile(self, resolved: exp.Expr, *, keep_unknown: bool = False) -> Scalar:
        scope = Scope(self._find, self.context.parameters)
        return compile_scalar(resolved, scope, keep_unknown=keep_unknown)

    def _find(self, node: exp.Expr) -> tuple[int, SqlType] | None:
        number = number_of(node)
        if number is None:
            return None
        return number, self.type_of(number)

    def type_of(self, number: int) -> SqlType:
        known = self._types.get(number)
        return self.plan.types[number] if known is None else known

    def resolve(self, tree: exp.Expr) -> exp.Expr:
        """The tree with its columns, and whatever the plan computes for it, numbered."""
        known = self.known(tree)
        if known is not None:
            return known
        if isinstance(tree, exp.Paren):
            return self.resolve(tree.this)
        if isinstance(tree, exp.Column):
            return self.column(tree)
        no_windows(tree)
        if call_in_expression(tree) is not None:
            return self.table_function(tree)
        if aggregate_name(tree) is not None:
            return self.aggregate(tree)
        rewritten = self._subquery(tree)
        if rewritten is not None:
            return rewritten
        return rebuilt(tree, self.resolve)

    def known(self, tree: exp.Expr) -> exp.Expr | None:
        """A column that the plan has for the whole tree; for stages that compute some."""
        return tree if number_of(tree) is not None else None

    def column(self, tree: exp.Column) -> exp.Expr:
        if isinstance(tree.this, exp.Star):
            raise SqlError("* is only allowed in a SELECT list and in count(*)", "42601")
        column = self.names.resolve(tree)
        self._types[column.index] = column.type
        return column.numbered()

    def table_function(self, tree: exp.Expr) -> exp.Expr:
        raise not_supported(
            "a table function inside an expression", "call it in FROM, and name its column"
        )

    def aggregate(self, tree: exp.Expr) -> exp.Expr:
        raise SqlError(f"aggregate function {aggregate_name(tree)} is not allowed here", "42803")

    def _subquery(self, tree: exp.Expr) -> exp.Expr | None:
        """What stands for a subquery expression; None if the tree is no such thing."""
        from engine.query.bind.subqueries import in_expression

        return in_expression(self, tree)

    def subquery(self, query: exp.Expr) -> Bound:
        """Bind a subquery that may read this stage's columns."""
        from engine.query.bind.queries import bind_query

        return bind_query(self.context, query, self.inside)

    def within(self, table: Plan, trees: list[exp.Expr]) -> tuple[Stage, list[exp.Expr]]:
        """A stage over a subquery's rows, and this stage's resolved trees as seen from there."""
        inner = Stage(self.context, table, Names(parent=self.names), self.tables)

        def outward(tree: exp.Expr) -> exp.Expr:
            number = number_of(tree)
            if number is None:
                return rebuilt(tree, outward)
            inner._types[number + OUTER] = self.type_of(number)
            return numbered(number + OUTER, tree.name)

        return inner, [outward(tree) for tree in trees]

    def add(self, subquery: Plan, kind: str) -> exp.Column:
        """Give the plan a column for a subquery's value (`scalar`) or existence (`exists`)."""
        assert kind in ("scalar", "exists")
        number = self.plan.width
        self.plan = Apply(self.plan, subquery, kind)  # type: ignore[arg-type]
        return numbered(number)


def rebuilt(tree: exp.Expr, change: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    """A copy of the node with every child changed."""
    copy = tree.copy()
    for name, value in list(copy.args.items()):
        if isinstance(value, exp.Expr):
            copy.set(name, change(value))
        elif isinstance(value, list):
            copy.set(name, [change(item) if isinstance(item, exp.Expr) else item for item in value])
    return copy
