"""The operators, one a file; each file's docstring has the operator's formula.

In the formulas a capital letter is the contents of an input (a Z-set), `dA` its change in this
step, `A` without the change, `A' = A + dA` with it; `+` adds weights row by row.
"""

from engine.dataflow.operators.compute import Compute
from engine.dataflow.operators.constant import Constant
from engine.dataflow.operators.count import Count
from engine.dataflow.operators.distinct import Distinct
from engine.dataflow.operators.flat_map import FlatMap
from engine.dataflow.operators.join import Join
from engine.dataflow.operators.lookup import Lookup
from engine.dataflow.operators.negate import Negate
from engine.dataflow.operators.reduce import AggregateCall, Reduce
from engine.dataflow.operators.semijoin import SemiJoin
from engine.dataflow.operators.temporal import Temporal
from engine.dataflow.operators.threshold import Threshold
from engine.dataflow.operators.topk import TopK
from engine.dataflow.operators.union import Union
from engine.dataflow.operators.window import Window

__all__ = [
    "AggregateCall",
    "Compute",
    "Constant",
    "Count",
    "Distinct",
    "FlatMap",
    "Join",
    "Lookup",
    "Negate",
    "Reduce",
    "SemiJoin",
    "Temporal",
    "Threshold",
    "TopK",
    "Union",
    "Window",
]
