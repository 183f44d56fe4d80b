"""A stage of a SELECT: rows over which trees of its clauses become expressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.aggregate_calls import aggregate_name
from engine.query.bind.binder import Binder, Tables
from engine.query.bind.names import Names, number_of
from engine.query.bind.rows import Rows
from engine.query.bind.subqueries import in_expression
from engine.query.bind.table_calls import call_in_expression
from engine.query.bind.trees import chained, only, operands, present, rebuilt
from engine.query.bind.window_calls import window_name
from engine.query.plan import Plan
from engine.scalar import Scalar
from engine.types import BOOL


class Stage(Rows):
    """Rows in which columns are found by name, and subqueries are allowed."""

    def __init__(self, binder: Binder, plan: Plan, names: Names, tables: Tables) -> None:
        super().__init__(binder, plan, names, tables)
        self.add_window: Callable[[Stage, exp.Window], exp.Expr] | None = None
        """Adds the column of a window function; None where these are not allowed."""
        self._windows: dict[exp.Window, exp.Expr] = {}

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
        if isinstance(tree, exp.Window):
            return self.window(tree)
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
        if isinstance(tree, exp.And | exp.Or):
            return chained(type(tree), self._resolved(operands(tree), _GOES_ON[type(tree)]))
        if isinstance(tree, exp.Coalesce):
            first, *others = self._resolved([tree.this, *tree.expressions], _is_null)
            return exp.Coalesce(this=first, expressions=others)
        if isinstance(tree, exp.Case):
            return self._case(tree)
        return rebuilt(tree, self.resolve)

    def _resolved(
        self, trees: Sequence[exp.Expr], goes_on: Callable[[exp.Expr], exp.Expr]
    ) -> list[exp.Expr]:
        """Trees that are evaluated one after the other, while `goes_on` of the last is true."""
        depth = len(self.reached)
        resolved: list[exp.Expr] = []
        for tree in trees:
            resolved.append(self.resolve(tree))
            self.reached.append(goes_on(resolved[-1]))
        del self.reached[depth:]
        return resolved

    def _case(self, tree: exp.Case) -> exp.Expr:
        """CASE: a result is evaluated if its condition is the first that is true."""
        only(tree, ("this", "ifs", "default"))
        operand = None if tree.this is None else self.resolve(tree.this)
        depth = len(self.reached)
        branches: list[exp.If] = []
        for branch in tree.args["ifs"]:
            when = self.resolve(branch.this)
            holds = when if operand is None else exp.EQ(this=operand, expression=when)
            self.reached.append(holds)
            branches.append(exp.If(this=when, true=self.resolve(branch.args["true"])))
            self.reached[-1] = _is_not_true(holds)
        default = present(tree, "default")
        default = None if default is None else self.resolve(default)
        del self.reached[depth:]
        return exp.Case(this=operand, ifs=branches, default=default)

    def window(self, tree: exp.Window) -> exp.Expr:
        if self.add_window is None:
            raise SqlError(f"window functions are not allowed here: {window_name(tree)}", "42P20")
        if tree not in self._windows:
            self._windows[tree] = self.add_window(self, tree)
        return self._windows[tree]

    def known(self, tree: exp.Expr) -> exp.Expr | None:
        """The column that has the value of the whole tree, if the plan computes it; else None."""
        return tree if number_of(tree) is not None else None

    def column(self, tree: exp.Column) -> exp.Expr:
        if isinstance(tree.this, exp.Star):
            raise SqlError("* is only allowed in a SELECT list and in count(*)", "42601")
        column = self.names.resolve(tree)
        self._types[column.index] = column.type
        return column.numbered()


def _is_null(tree: exp.Expr) -> exp.Expr:
    return exp.Is(this=tree, expression=exp.Null())


def _is_not_true(tree: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=exp.Not(this=tree), expressions=[exp.Boolean(this=True)])


def _is_not_false(tree: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=tree, expressions=[exp.Boolean(this=True)])


_GOES_ON: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.And: _is_not_false,
    exp.Or: _is_not_true,
}
"""The condition under which the operand after this one is evaluated."""
