"""Builds the object that computes an aggregate call of a plan."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

from engine.dataflow.operators.reduce import Aggregate, AggregateCall, CountRows
from engine.dataflow.operators.window import (
    WindowFunction,
    dense_rank,
    rank,
    row_number,
    running,
    shifted,
)
from engine.errors import not_supported
from engine.query.aggregates.collect import ArrayAgg, First, JsonbAgg, JsonbObjectAgg, StringAgg
from engine.query.aggregates.counting import BoolAnd, BoolOr, Count, Distinct
from engine.query.aggregates.signatures import ORDERED
from engine.query.aggregates.sums import (
    Average,
    AverageIntervals,
    Sum,
    SumIntervals,
    SumToInt8,
    Variance,
)
from engine.query.aggregates.totals import FloatScale, NumericScale, NumericToFloatScale, Scale
from engine.query.ordering import row_key, value_key
from engine.query.plan import AggregateSpec, SortKey, Types
from engine.types import FLOAT4, FLOAT8, INT8, INTERVAL, NUMERIC, SqlType
from engine.types.numbers import Float
from engine.zset import Row

_SPREADS = {
    "stddev": (False, True),
    "stddev_samp": (False, True),
    "stddev_pop": (True, True),
    "variance": (False, False),
    "var_samp": (False, False),
    "var_pop": (True, False),
}
"""name -> (of the whole population, standard deviation)"""


def aggregate_call(spec: AggregateSpec, types: Types) -> AggregateCall:
    """Build the aggregate of a call over rows with columns of those types."""
    columns = (*spec.arguments, *(key.column for key in spec.order))
    aggregate = _aggregate(spec, types)
    if spec.distinct and spec.function not in ("min", "max"):
        aggregate = Distinct(aggregate)
    argument: Callable[[Row], Any] = itemgetter(*columns) if columns else _nothing
    accepts = None
    if spec.accepts is not None:
        accepts = itemgetter(spec.accepts)
    return AggregateCall(aggregate, argument, accepts)


def is_count_of_rows(spec: AggregateSpec) -> bool:
    """Whether a call is count(*) without a FILTER."""
    return spec.function == "count" and not spec.arguments and spec.accepts is None


def window_function(spec: AggregateSpec, offset: int, types: Types) -> WindowFunction:
    """Build the window function of a call over rows with columns of those types."""
    if spec.function in _RANKINGS:
        return _RANKINGS[spec.function]
    if spec.function in ("lag", "lead"):
        default = spec.arguments[1] if len(spec.arguments) > 1 else None
        return shifted(spec.arguments[0], offset, default)
    return running(aggregate_call(spec, types))


_RANKINGS: dict[str, WindowFunction] = {
    "row_number": row_number,
    "rank": rank,
    "dense_rank": dense_rank,
}


def _nothing(row: Row) -> None:
    return None


def _aggregate(spec: AggregateSpec, types: Types) -> Aggregate:
    name = spec.function
    if name == "count":
        return Count() if spec.arguments else CountRows()
    if name in ORDERED:
        return _collector(spec, types)
    type_ = types[spec.arguments[0]]
    if name in ("min", "max"):
        return First(value_key(type_, descending=name == "max"))
    if name in ("bool_and", "every"):
        return BoolAnd()
    if name == "bool_or":
        return BoolOr()
    if type_ is INTERVAL:
        return SumIntervals() if name == "sum" else AverageIntervals()
    if name == "sum":
        return SumToInt8() if spec.type is INT8 else Sum(_scale(type_, spec.type))
    if name == "avg":
        return Average(_scale(type_, spec.type))
    if name in _SPREADS:
        population, root = _SPREADS[name]
        return Variance(_scale(type_, spec.type), population=population, root=root)
    raise not_supported(f"the aggregate function {name}")


def _scale(type_: SqlType, result: SqlType) -> Scale:
    if type_ in (FLOAT4, FLOAT8):
        assert isinstance(result, Float)
        return FloatScale(result)
    scale = NumericToFloatScale if result is FLOAT8 else NumericScale
    return scale() if type_ is NUMERIC else scale(digits=0)


def _collector(spec: AggregateSpec, types: Types) -> Aggregate:
    """Build an aggregate of all values, over tuples of the arguments and the ORDER BY columns."""
    width = len(spec.arguments)
    columns = (*spec.arguments, *(key.column for key in spec.order))
    order = [
        SortKey(width + at, key.descending, key.nulls_first) for at, key in enumerate(spec.order)
    ]
    key = row_key(tuple(types[column] for column in columns), order)
    bare = len(columns) == 1
    match spec.function:
        case "string_agg":
            return StringAgg(key)
        case "jsonb_object_agg":
            return JsonbObjectAgg(key)
        case "jsonb_agg":
            return JsonbAgg(key, bare=bare)
    return ArrayAgg(key, bare=bare)
