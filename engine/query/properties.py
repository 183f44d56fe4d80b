"""What can be told of a plan by looking at it: what it reads outside, how many rows it gives."""

from __future__ import annotations

from collections.abc import Iterator

from engine.query.plan import (
    OUTER,
    Apply,
    Distinct,
    Filter,
    FlatMap,
    Plan,
    Project,
    Reduce,
    SemiApply,
    Temporal,
    TopK,
    Union,
    Values,
)
from engine.query.scalars import scalars_of


def outer_columns(plan: Plan) -> frozenset[int]:
    """The numbers of the columns outside that the plan reads, as its top sees them."""
    return frozenset(_outer_numbers(plan))


def _outer_numbers(plan: Plan) -> Iterator[int]:
    for scalar in scalars_of(plan):
        yield from (number for number in scalar.columns if number >= OUTER)
    for number, child in enumerate(plan.inputs):
        inward = isinstance(plan, Apply | SemiApply) and number == 1
        for outer_number in _outer_numbers(child):
            if not inward:
                yield outer_number
            elif outer_number >= 2 * OUTER:
                yield outer_number - OUTER


def exactly_one(plan: Plan) -> bool:
    """Whether the plan gives one row for each row outside, whatever the data."""
    if isinstance(plan, Project):
        return exactly_one(plan.input)
    if isinstance(plan, Reduce):
        return not plan.group
    return isinstance(plan, Values) and len(plan.rows) == 1


def at_most_one(plan: Plan) -> bool:
    """Whether the plan gives at most one row for each row outside, whatever the data."""
    if isinstance(plan, Project | Filter | Temporal | Distinct):
        return at_most_one(plan.input)
    if isinstance(plan, Reduce):
        return not plan.group
    if isinstance(plan, TopK):
        limit = plan.limit
        one = limit is not None and limit.is_literal and limit.value in (0, 1)
        return (one and not plan.group) or at_most_one(plan.input)
    return isinstance(plan, Values) and len(plan.rows) <= 1


def is_linear(plan: Plan) -> bool:
    """Whether what the plan gives for an outer row depends on that row alone."""
    if isinstance(plan, Project | Filter | FlatMap | Temporal | Union):
        return all(map(is_linear, plan.inputs))
    return isinstance(plan, Values)
