"""WHERE, HAVING and ON: splits conditions at AND, into filters, semi-joins and temporal filters."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.stage import Stage
from engine.query.bind.subqueries import keep_members, keep_where_exists
from engine.query.bind.trees import has_subquery, membership, operands, outermost, unwrapped
from engine.query.plan import Filter, Temporal
from engine.scalar import Scalar
from engine.types import TIMESTAMP, TIMESTAMPTZ

_NOW = {"mz_logical_timestamp", "mz_now"}
_RELATIONS: dict[type[exp.Expr], str] = {
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.EQ: "=",
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
_HOW = (
    "write it alone on one side, in a condition joined by AND: "
    "mz_logical_timestamp() <= expression (also <, >, >=, =, BETWEEN)"
)


def conjuncts(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The conditions that are joined by AND."""
    tree = unwrapped(tree)
    for part in operands(tree) if isinstance(tree, exp.And) else [tree]:
        if isinstance(part, exp.Between) and not part.args.get("symmetric") and _mentions_now(part):
            yield exp.GTE(this=part.this.copy(), expression=part.args["low"].copy())
            yield exp.LTE(this=part.this.copy(), expression=part.args["high"].copy())
        else:
            yield part


def keep_where(stage: Stage, condition: exp.Expr, clause: str) -> None:
    """Keep only the stage's rows for which the condition is true; raises SqlError."""
    plain: list[exp.Expr] = []
    temporal: list[exp.Expr] = []
    subqueries: list[exp.Expr] = []
    for tree in conjuncts(condition):
        if _mentions_now(tree) and (stage.binder.maintained or _is_temporal(tree)):
            temporal.append(tree)
        elif _is_subquery_condition(tree):
            subqueries.append(tree)
        else:
            plain.append(tree)
    # Conditions with subqueries come last: these are evaluated only for the remaining rows.
    for tree in sorted(plain, key=has_subquery):
        predicate = stage.predicate(tree, clause)
        stage.plan = Filter(stage.plan, (predicate,))
    for tree in subqueries:
        _keep_by_subquery(stage, tree)
    if temporal:
        bounds = tuple(_bound(stage, tree) for tree in temporal)
        stage.plan = Temporal(stage.plan, bounds)


def _is_subquery_condition(tree: exp.Expr) -> bool:
    return isinstance(_positive(tree)[0], exp.Exists) or membership(tree) is not None


def _positive(tree: exp.Expr) -> tuple[exp.Expr, bool]:
    """The tree without NOTs around it, and whether their number is odd."""
    negated = False
    tree = unwrapped(tree)
    while isinstance(tree, exp.Not):
        tree, negated = unwrapped(tree.this), not negated
    return tree, negated


def _keep_by_subquery(stage: Stage, tree: exp.Expr) -> None:
    member = membership(tree)
    if member is not None:
        left, query, negated = member
        keep_members(stage, left, query, negated=negated)
        return
    exists, negated = _positive(tree)
    keep_where_exists(stage, exists, negated=negated)


def is_now(tree: exp.Expr) -> bool:
    """Whether the tree is a call of mz_logical_timestamp() or mz_now()."""
    return isinstance(tree, exp.Anonymous) and tree.name.lower() in _NOW


def _mentions_now(tree: exp.Expr) -> bool:
    """Whether the tree calls mz_logical_timestamp() outside of subqueries."""
    return next(outermost(tree, is_now), None) is not None


def _is_temporal(tree: exp.Expr) -> bool:
    """Whether the tree has the form that `_bound` accepts."""
    if type(tree) not in _RELATIONS:
        return False
    left, right = unwrapped(tree.this), unwrapped(tree.expression)
    return (is_now(left) and not _mentions_now(right)) or (
        is_now(right) and not _mentions_now(left)
    )


def _bound(stage: Stage, tree: exp.Expr) -> tuple[str, Scalar]:
    """A temporal condition as (relation, expression): `time relation expression` must be true."""
    relation = _RELATIONS.get(type(tree))
    if relation is None:
        raise not_supported("mz_logical_timestamp() in this condition", _HOW)
    left, right = unwrapped(tree.this), unwrapped(tree.expression)
    if not is_now(left):
        left, right, relation = right, left, _MIRRORED[relation]
    if not is_now(left) or _mentions_now(right):
        raise not_supported("mz_logical_timestamp() inside an expression", _HOW)
    scalar = stage.scalar(right)
    if scalar.type.category != "N" and scalar.type not in (TIMESTAMP, TIMESTAMPTZ):
        raise SqlError(
            "mz_logical_timestamp() is compared with a number of milliseconds or a timestamp, "
            f"not with {scalar.type.sql_name}",
            "42883",
        )
    return relation, scalar
