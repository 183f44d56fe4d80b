"""Plans: a query as a tree of relational operators over rows with numbered columns.

The binder builds a plan from SQL. `rewrite/` replaces the correlated operators by others and
optimises, and `render` builds the dataflow's operators. Nodes are immutable. A part that is used
several times is one object: passes over a plan visit it once, so that a chain of shared parts does
not take exponential time.
"""

from engine.query.plan.base import OUTER, UNIT, Get, Local, Plan, Types, Values, outer, with_inputs
from engine.query.plan.correlated import (
    Apply,
    OuterJoin,
    SemiApply,
    at_most_one,
    can_fail,
    deepened,
    exactly_one,
    is_linear,
)
from engine.query.plan.operators import (
    AggregateSpec,
    Distinct,
    Filter,
    FlatMap,
    Join,
    JoinKey,
    Lookup,
    Negate,
    Project,
    Reduce,
    SemiJoin,
    SortKey,
    Temporal,
    Threshold,
    TopK,
    Union,
    Window,
)

__all__ = [
    "OUTER",
    "UNIT",
    "AggregateSpec",
    "Apply",
    "Distinct",
    "Filter",
    "FlatMap",
    "Get",
    "Join",
    "JoinKey",
    "Local",
    "Lookup",
    "Negate",
    "OuterJoin",
    "Plan",
    "Project",
    "Reduce",
    "SemiApply",
    "SemiJoin",
    "SortKey",
    "Temporal",
    "Threshold",
    "TopK",
    "Types",
    "Union",
    "Values",
    "Window",
    "at_most_one",
    "can_fail",
    "deepened",
    "exactly_one",
    "is_linear",
    "outer",
    "with_inputs",
]
