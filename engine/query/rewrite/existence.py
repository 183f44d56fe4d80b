"""Subqueries of which only their existence matters, as rows and the keys that find them."""

from __future__ import annotations

from engine.query.plan import OUTER, Filter, Plan, Project
from engine.query.predicates import conjuncts, equality, substituted
from engine.scalar import Scalar


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
