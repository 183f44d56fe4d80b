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
from engine.types import BOOL, INT8

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def keep_where_exists(rows: Rows, tree: exp.Expr, *, negated: bool) -> None:
    """Apply `[NOT] EXISTS (query)` as a condition."""
    bound = rows.subquery(tree.this)
    rows.plan = SemiApply(rows.plan, bound.as_table(), negated)


def keep_members(rows: Rows, left: exp.Expr, query: exp.Expr, *, negated: bool) -> None:
    """Apply `left [NOT] IN (query)` as a condition."""
    if negated:
        for cause in _equal(rows, left, query), *_unknown(rows, left, query):
            rows.plan = SemiApply(rows.plan, cause, True)
    else:
        rows.plan = SemiApply(rows.plan, _equal(rows, left, query), False)


def in_expression(rows: Rows, tree: exp.Expr) -> exp.Expr | None:
    """The columns that replace a subquery inside an expression; None if the tree is none."""
    if isinstance(tree, exp.Exists):
        return rows.add(rows.subquery(tree.this).as_table(), "exists")
    member = membership(tree)
    if member is not None:
        return _member_column(rows, *member)
    quantified = _quantified(rows, tree)
    if quantified is not None:
        return quantified
    if _is_array(tree) and len(tree.expressions) == 1 and query_of(tree.expressions[0]) is not None:
        raise not_supported(
            "ARRAY of a subquery", "use (SELECT array_agg(..) FROM ..), NULL when it is empty"
        )
    if isinstance(tree, exp.Any | exp.All) and query_of(tree.this) is not None:
        raise not_supported("ANY or ALL of a subquery here")
    query = query_of(tree)
    if query is None:
        return None
    bound = rows.subquery(query)
    _one_column(bound)
    return rows.add(bound.as_table(), "scalar")


def _is_array(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Array) or (
        isinstance(tree, exp.Anonymous) and tree.name.lower() == "array"
    )


def _one_column(bound: Bound) -> None:
    if len(bound.columns) != 1:
        raise SqlError("subquery must return only one column", "42601")


def _member_column(rows: Rows, left: exp.Expr, query: exp.Expr, negated: bool) -> exp.Expr:
    found = rows.add(_equal(rows, left, query), "exists")
    unknown = [rows.add(cause, "exists") for cause in _unknown(rows, left, query)]
    return exp.Case(
        ifs=[
            exp.If(this=found, true=exp.Boolean(this=not negated)),
            *(exp.If(this=cause, true=exp.Null()) for cause in unknown),
        ],
        default=exp.Boolean(this=negated),
    )


def _equal(rows: Rows, left: exp.Expr, query: exp.Expr) -> Plan:
    """The rows of the subquery that equal the left side."""
    inner, sides = _matched(rows, left, query)
    equal = [exp.EQ(this=side, expression=numbered(at)) for at, side in enumerate(sides)]
    return Filter(inner.plan, tuple(map(inner.compile, equal)))


def _unknown(rows: Rows, left: exp.Expr, query: exp.Expr) -> list[Plan]:
    """Subqueries that have a row where IN, if no row is equal, is NULL and not false."""
    inner, sides = _matched(rows, left, query)
    if len(sides) == 1:
        causes: list[exp.Expr] = [_is_null(numbered(0)), _is_null(sides[0])]
        return [Filter(inner.plan, (inner.compile(cause),)) for cause in causes]
    possible = tuple(
        inner.compile(
            exp.Or(
                this=exp.Or(this=_is_null(side.copy()), expression=_is_null(numbered(at))),
                expression=exp.EQ(this=side.copy(), expression=numbered(at)),
            )
        )
        for at, side in enumerate(sides)
    )
    return [Filter(inner.plan, possible)]


def _is_null(tree: exp.Expr) -> exp.Expr:
    return exp.Is(this=tree, expression=exp.Null())


def _matched(rows: Rows, left: exp.Expr, query: exp.Expr) -> tuple[Rows, list[exp.Expr]]:
    """The subquery's rows, and the left side's expressions as the subquery sees them."""
    bound = rows.subquery(query)
    left = unwrapped(left)
    sides = list(left.expressions) if isinstance(left, exp.Tuple) else [left]
    if len(sides) != len(bound.columns):
        few = "few" if len(sides) > len(bound.columns) else "many"
        raise SqlError(f"subquery has too {few} columns", "42601")
    resolved = [rows.resolve(side) for side in sides]
    return rows.within(bound.as_table(), resolved)


def _quantified(rows: Rows, tree: exp.Expr) -> exp.Expr | None:
    """A column for `x < ANY (S)` and the like, from the results of all comparisons; else None."""
    if not isinstance(tree, _COMPARISONS) or not isinstance(tree.expression, exp.Any | exp.All):
        return None
    query = query_of(tree.expression.this)
    if query is None:
        return None
    is_any = isinstance(tree.expression, exp.Any)
    inner, sides = _matched(rows, tree.this, query)
    compared = inner.compile(type(tree)(this=sides[0], expression=numbered(0)))
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
