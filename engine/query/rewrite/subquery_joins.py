"""Joins of rows with the results of their subqueries: for one value, and for mere existence."""

from __future__ import annotations

from engine.query.plan import (
    OUTER,
    AggregateSpec,
    Filter,
    Guard,
    Join,
    JoinKey,
    Plan,
    Project,
    Reduce,
    SemiJoin,
    Union,
    at_most_one,
    exactly_one,
)
from engine.query.predicates import conjuncts, equality, substituted
from engine.query.rewrite.outer_joins import nulls
from engine.scalar import Scalar
from engine.types import INT8

TOO_MANY_ROWS = "more than one record produced in subquery"


def with_value(
    rows: Plan, width: int, outcome: Plan, keys: tuple[JoinKey, ...], subquery: Plan
) -> Plan:
    """The rows with the one value that the outcome has for them after `width` keys, or NULL."""
    if exactly_one(subquery):
        joined = Join(rows, outcome, keys)
        return Project(joined, (*rows.columns(), joined.columns()[-1]))
    checked = not at_most_one(subquery)
    if checked:
        count = AggregateSpec("count", (), INT8)
        value = AggregateSpec("min", (width,), outcome.types[width])
        outcome = Reduce(outcome, tuple(range(width)), (count, value))
    joined = Join(rows, outcome, keys)
    found = Guard(joined, rows.width + width, TOO_MANY_ROWS) if checked else joined
    parts: list[Plan] = [Project(found, (*rows.columns(), joined.columns()[-1]))]
    if not checked or width:
        missing = SemiJoin(rows, outcome, keys, anti=True)
        parts.append(Project(missing, missing.columns() + nulls(subquery)))
    return Union(tuple(parts))


def keyed(plan: Plan) -> tuple[Plan, list[tuple[Scalar, Scalar]]] | None:
    """Split a subquery, of which only its existence matters, into its rows and their keys.

    The keys are pairs of an expression that reads only outer rows and one that reads only the
    subquery's. None unless such equalities are all that reads the outer rows.
    """
    predicates: list[Scalar] = []
    while isinstance(plan, Filter | Project):
        if isinstance(plan, Project):
            columns = dict(enumerate(plan.scalars))
            predicates = [substituted(predicate, columns) for predicate in predicates]
        else:
            predicates = [*conjuncts(plan.predicates), *predicates]
        plan = plan.input
    if plan.outer_columns:
        return None
    pairs: list[tuple[Scalar, Scalar]] = []
    own: list[Scalar] = []
    for predicate in predicates:
        if all(number < OUTER for number in predicate.columns):
            own.append(predicate)
            continue
        sides = equality(predicate)
        if sides is None:
            return None
        left, right = sides
        if not _is_outside(left):
            left, right = right, left
        if not _is_outside(left) or any(number >= OUTER for number in right.columns):
            return None
        pairs.append((left, right))
    return (Filter(plan, tuple(own)) if own else plan), pairs


def _is_outside(scalar: Scalar) -> bool:
    return all(number >= OUTER for number in scalar.columns)
