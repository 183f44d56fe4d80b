"""Subqueries in expressions and conditions: EXISTS, IN, comparisons with ANY and ALL, scalar ones.

As a condition of its own (a conjunct of WHERE) an EXISTS or IN keeps or drops rows, by a semi- or
anti-join. Anywhere else it becomes a column. IN is EXISTS with an equality; where it can be NULL,
the cases are EXISTS too: `x NOT IN (S)` is true if nothing in S equals x, nothing in S is NULL,
and, should x be NULL, S is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.context import Bound
from engine.query.names import numbered
from engine.query.plan import AggregateSpec, Filter, Plan, Project, Reduce, SemiApply
from engine.types import BOOL, INT8

if TYPE_CHECKING:
    from engine.query.bind.stage import Stage

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def unwrapped(tree: exp.Expr) -> exp.Expr:
    """The tree without parentheses around it."""
    while isinstance(tree, exp.Paren):
        tree = tree.this
    return tree


def query_of(tree: exp.Expr | None) -> exp.Expr | None:
    """The query that the tree is, parentheses and all, or None."""
    if tree is not None:
        tree = unwrapped(tree)
    while isinstance(tree, exp.Subquery) and isinstance(tree.this, exp.Subquery):
        tree = tree.this
    return tree if isinstance(tree, exp.Query | exp.Subquery | exp.Values) else None


def membership(tree: exp.Expr) -> tuple[exp.Expr, exp.Expr, bool] | None:
    """(left side, query, whether negated) if the tree is IN, = ANY or <> ALL of a subquery."""
    tree = unwrapped(tree)
    if isinstance(tree, exp.Not):
        inner = membership(tree.this)
        return None if inner is None else (inner[0], inner[1], not inner[2])
    if isinstance(tree, exp.In):
        listed = tree.expressions
        values = listed[0] if len(listed) == 1 and isinstance(listed[0], exp.Values) else None
        query = query_of(values or tree.args.get("query"))
        return None if query is None else (tree.this, query, False)
    for comparison, quantifier, negated in ((exp.EQ, exp.Any, False), (exp.NEQ, exp.All, True)):
        if isinstance(tree, comparison) and isinstance(tree.expression, quantifier):
            query = query_of(tree.expression.this)
            if query is not None:
                return tree.this, query, negated
    return None


def keep_where_exists(stage: Stage, tree: exp.Expr, *, negated: bool) -> None:
    """Apply `[NOT] EXISTS (query)` as a condition of the stage's rows."""
    bound = stage.subquery(tree.this)
    stage.plan = SemiApply(stage.plan, bound.as_table(), negated)


def keep_members(stage: Stage, left: exp.Expr, query: exp.Expr, *, negated: bool) -> None:
    """Apply `left [NOT] IN (query)` as a condition of the stage's rows."""
    if negated:
        for cause in _equal(stage, left, query), *_unknown(stage, left, query):
            stage.plan = SemiApply(stage.plan, cause, True)
    else:
        stage.plan = SemiApply(stage.plan, _equal(stage, left, query), False)


def in_expression(stage: Stage, tree: exp.Expr) -> exp.Expr | None:
    """What stands for a subquery inside an expression; None if the tree is none."""
    if isinstance(tree, exp.Exists):
        return stage.add(stage.subquery(tree.this).as_table(), "exists")
    member = membership(tree)
    if member is not None:
        return _member_column(stage, *member)
    quantified = _quantified(stage, tree)
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
    bound = stage.subquery(query)
    _one_column(bound)
    return stage.add(bound.as_table(), "scalar")


def _is_array(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Array) or (
        isinstance(tree, exp.Anonymous) and tree.name.lower() == "array"
    )


def _one_column(bound: Bound) -> None:
    if len(bound.columns) != 1:
        raise SqlError("subquery must return only one column", "42601")


def _member_column(stage: Stage, left: exp.Expr, query: exp.Expr, negated: bool) -> exp.Expr:
    found = stage.add(_equal(stage, left, query), "exists")
    unknown = [stage.add(cause, "exists") for cause in _unknown(stage, left, query)]
    return exp.Case(
        ifs=[
            exp.If(this=found, true=exp.Boolean(this=not negated)),
            *(exp.If(this=cause, true=exp.Null()) for cause in unknown),
        ],
        default=exp.Boolean(this=negated),
    )


def _equal(stage: Stage, left: exp.Expr, query: exp.Expr) -> Plan:
    """The rows of the subquery that equal the left side."""
    inner, sides = _matched(stage, left, query)
    equal = [exp.EQ(this=side, expression=numbered(at)) for at, side in enumerate(sides)]
    return Filter(inner.plan, tuple(map(inner.compile, equal)))


def _unknown(stage: Stage, left: exp.Expr, query: exp.Expr) -> list[Plan]:
    """Subqueries one of which has a row if, for want of an equal row, IN is not false but NULL."""
    inner, sides = _matched(stage, left, query)
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


def _matched(stage: Stage, left: exp.Expr, query: exp.Expr) -> tuple[Stage, list[exp.Expr]]:
    """A stage over the subquery's rows, and the left side's expressions as that sees them."""
    bound = stage.subquery(query)
    left = unwrapped(left)
    sides = list(left.expressions) if isinstance(left, exp.Tuple) else [left]
    if len(sides) != len(bound.columns):
        few = "few" if len(sides) > len(bound.columns) else "many"
        raise SqlError(f"subquery has too {few} columns", "42601")
    resolved = [stage.resolve(side) for side in sides]
    return stage.within(bound.as_table(), resolved)


def _quantified(stage: Stage, tree: exp.Expr) -> exp.Expr | None:
    """A column for `x < ANY (S)` and its like, from what the comparisons come to; else None."""
    if not isinstance(tree, _COMPARISONS) or not isinstance(tree.expression, exp.Any | exp.All):
        return None
    query = query_of(tree.expression.this)
    if query is None:
        return None
    is_any = isinstance(tree.expression, exp.Any)
    inner, sides = _matched(stage, tree.this, query)
    compared = inner.compile(type(tree)(this=sides[0], expression=numbered(0)))
    decided = AggregateSpec("bool_or" if is_any else "bool_and", (0,), BOOL)
    counts = (AggregateSpec("count", (), INT8), AggregateSpec("count", (0,), INT8))
    totals = Reduce(Project(inner.plan, (compared,)), (), (decided, *counts))
    outcome, _ = stage.within(totals, [])
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
    return stage.add(Project(totals, (outcome.compile(case),)), "scalar")
