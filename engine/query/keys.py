"""Takes join keys that may fail out of the join: they are computed before it, row by row.

So a row whose key cannot be evaluated (a cast of a text that is no number) is left out and counted
like any other that fails, and the join itself only ever compares columns.
"""

from __future__ import annotations

from engine.query.plan import Join, JoinKey, Plan, Project, SemiJoin
from engine.query.share import with_inputs
from engine.scalar import Scalar


def with_safe_keys(plan: Plan) -> Plan:
    """The plan in which no key of a join can fail."""
    plan = with_inputs(plan, tuple(map(with_safe_keys, plan.inputs)))
    if not isinstance(plan, Join | SemiJoin):
        return plan
    left, left_keys = _computed(plan.left, [key.left for key in plan.keys])
    right, right_keys = _computed(plan.right, [key.right for key in plan.keys])
    if left is plan.left and right is plan.right:
        return plan
    sides = zip(plan.keys, left_keys, right_keys, strict=True)
    keys = tuple(JoinKey(one, other, key.null_safe) for key, one, other in sides)
    width = plan.left.width
    if isinstance(plan, SemiJoin):
        kept = SemiJoin(left, right, keys, plan.anti)
        return Project(kept, kept.columns(0, width))
    joined = Join(left, right, keys)
    own = joined.columns(0, width)
    return Project(joined, own + joined.columns(left.width, left.width + plan.right.width))


def _computed(plan: Plan, keys: list[Scalar]) -> tuple[Plan, list[Scalar]]:
    """The plan with a column more for each key that may fail, and the keys as columns of it."""
    failing = [key for key in keys if key.can_fail]
    if not failing:
        return plan, keys
    wider = Project(plan, (*plan.columns(), *failing))
    columns = dict(zip(failing, wider.columns(plan.width), strict=True))
    return wider, [columns.get(key, key) for key in keys]
