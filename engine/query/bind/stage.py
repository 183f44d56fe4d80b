"""A stage of a SELECT: rows over which trees of its clauses become expressions."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.aggregate_calls import aggregate_name
from engine.query.bind.names import Names, number_of
from engine.query.bind.rows import Rows
from engine.query.bind.subqueries import in_expression
from engine.query.bind.table_calls import call_in_expression
from engine.query.bind.trees import no_windows, rebuilt
from engine.query.plan import Plan
from engine.scalar import Scalar
from engine.types import BOOL


class Stage(Rows):
    """Rows in which columns are found by name, and subqueries are allowed."""

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

    def beside(self, plan: Plan, names: Names) -> Rows:
        return Stage(self.binder, plan, names, self.tables)

    def resolve(self, tree: exp.Expr) -> exp.Expr:
        known = self.known(tree)
        if known is not None:
            return known
        if isinstance(tree, exp.Paren):
            return self.resolve(tree.this)
        if isinstance(tree, exp.Column):
            return self.column(tree)
        no_windows(tree)
        if call_in_expression(tree) is not None:
            raise not_supported(
                "a table function inside an expression", "call it in FROM, and name its column"
            )
        if aggregate_name(tree) is not None:
            raise SqlError(
                f"aggregate function {aggregate_name(tree)} is not allowed here", "42803"
            )
        rewritten = in_expression(self, tree)
        if rewritten is not None:
            return rewritten
        return rebuilt(tree, self.resolve)

    def known(self, tree: exp.Expr) -> exp.Expr | None:
        """The column that has the value of the whole tree, if the plan computes it; else None."""
        return tree if number_of(tree) is not None else None

    def column(self, tree: exp.Column) -> exp.Expr:
        if isinstance(tree.this, exp.Star):
            raise SqlError("* is only allowed in a SELECT list and in count(*)", "42601")
        column = self.names.resolve(tree)
        self._types[column.index] = column.type
        return column.numbered()
