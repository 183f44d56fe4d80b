"""Brings a plan into the form that the operators need: a LIMIT in every top-k, safe join keys.

A join key that may fail (a cast of a text that is no number) is computed before the join, so that
a row whose key fails is left out and counted like any other, and the join compares columns only.
"""

from __future__ import annotations

from dataclasses import replace

from engine.query.plan import (
    Join,
    JoinKey,
    Lookup,
    Negate,
    Plan,
    Project,
    SemiJoin,
    TopK,
    Union,
    with_inputs,
)
from engine.query.rewrite.share import Rewriter
from engine.scalar import Scalar


def without_offsets(plan: Plan) -> Plan:
    """Replace an OFFSET without LIMIT by a difference: all rows without the first n.

    Only the first n rows have to be kept in order.
    """

    def change(plan: Plan) -> Plan:
        if not isinstance(plan, TopK) or plan.limit is not None:
            return plan
        if plan.offset is None:
            return plan.input
        first = TopK(plan.input, plan.group, plan.order, plan.offset, None)
        return Union((plan.input, Negate(first)))

    return Rewriter(change).rewritten(plan)


def with_safe_keys(plan: Plan) -> Plan:
    """Compute join keys that may fail before the join."""
    plan = with_inputs(plan, tuple(map(with_safe_keys, plan.inputs)))
    if not isinstance(plan, Join | SemiJoin | Lookup):
        return plan
    when = plan.when if isinstance(plan, Lookup) else None
    left_keys = [key.left for key in plan.keys] + ([] if when is None else [when])
    left, left_keys = _computed(plan.left, left_keys)
    right, right_keys = _computed(plan.right, [key.right for key in plan.keys])
    if left is plan.left and right is plan.right:
        return plan
    sides = zip(plan.keys, left_keys, right_keys, strict=False)
    keys = tuple(JoinKey(one, other, key.null_safe) for key, one, other in sides)
    joined: Plan = replace(plan, left=left, right=right, keys=keys)
    if when is not None:
        joined = replace(joined, when=left_keys[-1])  # type: ignore[call-arg]
    own = joined.columns(0, plan.left.width)
    if isinstance(plan, SemiJoin):
        return Project(joined, own)
    return Project(joined, own + joined.columns(left.width, left.width + plan.right.width))


def _computed(plan: Plan, keys: list[Scalar]) -> tuple[Plan, list[Scalar]]:
    """The plan with a column for each key that may fail, and the keys over its columns."""
    failing = [key for key in keys if key.can_fail]
    if not failing:
        return plan, keys
    wider = Project(plan, (*plan.columns(), *failing))
    columns = dict(zip(failing, wider.columns(plan.width), strict=True))
    return wider, [columns.get(key, key) for key in keys]
