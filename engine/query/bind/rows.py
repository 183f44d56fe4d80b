"""The rows of a plan that is being built, and compiled expressions over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from sqlglot import exp

from engine.query.bind.binder import Binder, Bound, Surroundings, Tables
from engine.query.bind.names import Names, number_of, numbered
from engine.query.bind.trees import chained, rebuilt
from engine.query.plan import OUTER, Apply, Plan, Project, can_fail
from engine.scalar import Scalar, Scope, coerce, compile_scalar
from engine.types import SqlType


class Rows(ABC):
    """A plan, the names of its columns, and expressions over them.

    A subquery inside an expression becomes a column: `plan` grows to the right.
    """

    def __init__(self, binder: Binder, plan: Plan, names: Names, tables: Tables) -> None:
        self.binder = binder
        self.plan = plan
        self.names = names
        self.tables = tables
        self.reached: list[exp.Expr] = []
        """Resolved conditions: the expression that is being resolved is evaluated if all are true.
        """
        self._types: dict[int, SqlType] = {}

    @abstractmethod
    def resolve(self, tree: exp.Expr) -> exp.Expr:
        """The tree with its columns numbered, and subqueries replaced by columns."""

    @abstractmethod
    def beside(self, plan: Plan, names: Names) -> Rows:
        """Other rows, whose expressions are resolved in the same way."""

    def compile(self, resolved: exp.Expr, *, keep_unknown: bool = False) -> Scalar:
        """A resolved tree as a typed expression; raises SqlError."""
        scope = Scope(self._find, self.binder.parameters)
        return compile_scalar(resolved, scope, keep_unknown=keep_unknown)

    def coerce(self, scalar: Scalar, target: SqlType, what: str) -> Scalar:
        """Convert as for an assignment; a parameter without a type gets this one."""
        if scalar.type is target:
            return scalar
        return coerce(scalar, target, what, Scope(self._find, self.binder.parameters))

    def _find(self, node: exp.Expr) -> tuple[int, SqlType] | None:
        number = number_of(node)
        return None if number is None else (number, self.type_of(number))

    def type_of(self, number: int) -> SqlType:
        known = self._types.get(number)
        return self.plan.types[number] if known is None else known

    def subquery(self, query: exp.Expr) -> Bound:
        """Bind a subquery that may read these rows."""
        return self.binder.query(query, Surroundings(self.names, self.tables))

    def within(self, table: Plan, trees: list[exp.Expr]) -> tuple[Rows, list[exp.Expr]]:
        """The rows of a subquery, and resolved trees of these rows as the subquery sees them."""
        inner = self.beside(table, Names(parent=self.names))

        def outward(tree: exp.Expr) -> exp.Expr:
            number = number_of(tree)
            if number is None:
                return rebuilt(tree, outward)
            inner._types[number + OUTER] = self.type_of(number)
            return numbered(number + OUTER, tree.name)

        return inner, [outward(tree) for tree in trees]

    def add(self, subquery: Plan, kind: Literal["scalar", "exists"]) -> exp.Column:
        """Add a column for a subquery's value or existence."""
        when = self._when() if can_fail(subquery, kind) else None
        number = self.plan.width
        self.plan = Apply(self.plan, subquery, kind, when=when)
        return numbered(number)

    def _when(self) -> Scalar | None:
        """The condition under which the current expression is evaluated, which cannot fail."""
        if not self.reached:
            return None
        when = self.compile(chained(exp.And, self.reached))
        if when.can_fail:
            number = self.plan.width
            self.plan = Project(self.plan, (*self.plan.columns(), when))
            when = Scalar.column(number, when.type)
        return when
