"""The expressions that an operator of a plan holds."""

from __future__ import annotations

from collections.abc import Iterator

from engine.query.plan import (
    Apply,
    Filter,
    FlatMap,
    Join,
    OuterJoin,
    Plan,
    Project,
    SemiJoin,
    Temporal,
    TopK,
    Values,
)
from engine.scalar import Scalar


def scalars_of(plan: Plan) -> Iterator[Scalar]:
    """The expressions of the operator itself, not of those below it."""
    match plan:
        case Project():
            yield from plan.scalars
        case Filter():
            yield from plan.predicates
        case Temporal():
            yield from (bound for _, bound in plan.bounds)
        case FlatMap():
            yield from plan.arguments
        case Values():
            yield from (scalar for row in plan.rows for scalar in row)
        case Join() | SemiJoin():
            for key in plan.keys:
                yield from (key.left, key.right)
        case TopK():
            yield from (count for count in (plan.limit, plan.offset) if count is not None)
        case OuterJoin():
            yield plan.on
        case Apply() if plan.on is not None:
            yield plan.on
