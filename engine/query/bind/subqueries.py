"""Subqueries in expressions and conditions: EXISTS, IN, comparisons with ANY and ALL, scalar ones.

As a condition of its own (a conjunct of WHERE) an EXISTS or IN is a semi- or anti-join. Anywhere
else it becomes a column. IN is EXISTS with an equality; the cases in which it can be NULL are
EXISTS too: `x NOT IN (S)` is true if nothing in S equals x, nothing in S is NULL, and, if x is
NULL, S is empty.
"""

from __future__ import annotations

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.binder import Bound
from engine.query.bind.names import numbered
from engine.query.bind.rows import Rows
from engine.query.bind.trees import membership, query_of, unwrapped
from engine.query.plan import AggregateSpec, Filter, Plan, Project, Reduce, SemiApply
from engine.scalar import Scalar
from engine.scalar.nodes import Coalesce, Constant
from engine.types import BOOL, INT8, array_of

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def keep_where_exists(rows: Rows, tree: exp.Expr, *, negated: bool) -> None:
    """Apply `[NOT] EXISTS (query)` as a condition."""
    bound = rows.subquery(tree.this)
    rows.plan = SemiApply(rows.plan, bound.as_table(), negated)


def keep_members(rows: Rows, left: exp.Expr, query: exp.Expr, *, negated: bool) -> None:
    """Apply `left [NOT] IN (query)` as a condition."""
    matched = _Matched(rows, left, query)
    rows.plan = SemiApply(rows.plan, matched.equal(), negated)
    if negated:
        for cause in matched.unknown():
            rows.plan = SemiApply(rows.plan, cause, True)


def in_expression(rows: Rows, tree: exp.Expr) -> exp.Expr | None:
    """The columns that replace a subquery inside an expression; None if the tree is none."""
    if isinstance(tree, exp.Exists):
        return rows.add(rows.subquery(tree.this).as_table(), "exists")
    if isinstance(tree, exp.Anonymous) and tree.name.lower() == "exists" and tree.expressions:
        # sqlglot knows EXISTS of a SELECT only, and takes EXISTS (VALUES ..) for a function.
        return rows.add(rows.subquery(tree.expressions[0]).as_table(), "exists")
    member = membership(tree)
    if member is not None:
        return _member_column(rows, *member)
    quantified = _quantified(rows, tree)
    if quantified is not None:
        return quantified
    if _is_array(tree) and len(tree.expressions) == 1 and query_of(tree.expressions[0]) is not None:
        return _array_column(rows, tree.expressions[0])
    if isinstance(tree, exp.Any | exp.All) and query_of(tree.this) is not None:
        raise not_supported("ANY or ALL of a subquery here")
    query = query_of(tree)
    if query is None:
        return None
    bound = rows.subquery(query)
    _one_column(bound)
    return rows.add(bound.as_table(), "scalar")


def _array_column(rows: Rows, query: exp.Expr) -> exp.Expr:
    """A column for ARRAY(query): the rows in the order of the query."""
    bound = rows.subquery(query)
    _one_column(bound)
    type_ = array_of(bound.columns[0].type)
    collected = AggregateSpec("array_agg", (0,), type_, order=bound.order)
    arrays = Reduce(bound.limited(), (), (collected,))
    empty = Constant(type_, ())
    filled = Scalar(Coalesce(type_, (arrays.columns()[0].node, empty)))
    return rows.add(Project(arrays, (filled,)), "scalar")


def _is_array(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Array) or (
        isinstance(tree, exp.Anonymous) and tree.name.lower() == "array"
    )


def _one_column(bound: Bound) -> None:
    if len(bound.columns) != 1:
        raise SqlError("subquery must return only one column", "42601")


def _member_column(rows: Rows, left: exp.Expr, query: exp.Expr, negated: bool) -> exp.Expr:
    matched = _Matched(rows, left, query)
    found = rows.add(matched.equal(), "exists")
    unknown = [rows.add(cause, "exists") for cause in matched.unknown()]
    return exp.Case(
        ifs=[
            exp.If(this=found, true=exp.Boolean(this=not negated)),
            *(exp.If(this=cause, true=exp.Null()) for cause in unknown),
        ],
        default=exp.Boolean(this=negated),
    )


class _Matched:
    """The rows of a subquery, and the expressions of a left side as the subquery sees them."""

    def __init__(self, rows: Rows, left: exp.Expr, query: exp.Expr) -> None:
        bound = rows.subquery(query)
        left = unwrapped(left)
        sides = list(left.expressions) if isinstance(left, exp.Tuple) else [left]
        if len(sides) != len(bound.columns):
            few = "few" if len(sides) > len(bound.columns) else "many"
            raise SqlError(f"subquery has too {few} columns", "42601")
        resolved = [rows.resolve(side) for side in sides]
        self.inner, self.sides = rows.within(bound.as_table(), resolved)

    def equal(self) -> Plan:
        """The rows of the subquery that equal the left side."""
        equal = [exp.EQ(this=side, expression=numbered(at)) for at, side in enumerate(self.sides)]
        return Filter(self.inner.plan, tuple(map(self.inner.compile, equal)))

    def unknown(self) -> list[Plan]:
        """Subqueries that have a row where IN, if no row is equal, is NULL and not false."""
        compiled = self.inner.compile
        if len(self.sides) == 1:
            causes: list[exp.Expr] = [_is_null(numbered(0)), _is_null(self.sides[0])]
            return [Filter(self.inner.plan, (compiled(cause),)) for cause in causes]
        possible = tuple(
            compiled(
                exp.Or(
                    this=exp.Or(this=_is_null(side), expression=_is_null(numbered(at))),
                    expression=exp.EQ(this=side, expression=numbered(at)),
                )
            )
            for at, side in enumerate(self.sides)
        )
        return [Filter(self.inner.plan, possible)]


def _is_null(tree: exp.Expr) -> exp.Expr:
    return exp.Is(this=tree, expression=exp.Null())


def _quantified(rows: Rows, tree: exp.Expr) -> exp.Expr | None:
    """A column for `x < ANY (S)` and the like, from the results of all comparisons; else None."""
    if not isinstance(tree, _COMPARISONS) or not isinstance(tree.expression, exp.Any | exp.All):
        return None
    query = query_of(tree.expression.this)
    if query is None:
        return None
    is_any = isinstance(tree.expression, exp.Any)
    matched = _Matched(rows, tree.this, query)
    inner = matched.inner
    compared = inner.compile(type(tree)(this=matched.sides[0], expression=numbered(0)))
    decided = AggregateSpec("bool_or" if is_any else "bool_and", (0,), BOOL)
    counts = (AggregateSpec("count", (), INT8), AggregateSpec("count", (0,), INT8))
    totals = Reduce(Project(inner.plan, (compared,)), (), (decided, *counts))
    outcome, _ = rows.within(totals, [])
    case = exp.Case(
        ifs=[
            exp.If(
                this=exp.EQ(this=numbered(0), expression=exp.Boolean(this=is_any)),
                true=exp.Boolean(this=is_any),
            ),
            exp.If(this=exp.GT(this=numbered(1), expression=numbered(2)), true=exp.Null()),
        ],
        default=exp.Boolean(this=not is_any),
    )
    return rows.add(Project(totals, (outcome.compile(case),)), "scalar")
