"""OFFSET without LIMIT, rewritten so that a top-k keeps only what it has to look at.

The rows after the first n are all rows without the first n: a difference, of which only the
small part is kept in order.
"""

from __future__ import annotations

from engine.query.plan import Negate, Plan, TopK, Union
from engine.query.share import with_inputs


def without_offsets(plan: Plan) -> Plan:
    """The plan in which every TopK has a limit."""
    changed = with_inputs(plan, tuple(map(without_offsets, plan.inputs)))
    if not isinstance(changed, TopK) or changed.limit is not None:
        return changed
    if changed.offset is None:
        return changed.input
    first = TopK(changed.input, changed.group, changed.order, changed.offset, None)
    return Union((changed.input, Negate(first)))
