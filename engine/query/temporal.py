"""Temporal filters: computes the times at which conditions on mz_logical_timestamp() are true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil, floor, isfinite, isnan
from typing import Any

from engine.dataflow.operators.temporal import Interval
from engine.scalar import Evaluation, Scalar, compile_rows
from engine.zset import Row, Value

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def interval_function(
    bounds: Sequence[tuple[str, Scalar]], evaluation: Evaluation
) -> Callable[[Row], Interval | None]:
    """Build the function from a row to the times [lower, upper) at which all bounds are met.

    Each bound is `time relation value`; NULL is never met, and NaN is above all numbers. The
    function returns None if there is no such time.
    """
    relations = [relation for relation, _ in bounds]
    values_of = compile_rows([bound for _, bound in bounds], None, evaluation)

    def interval(row: Row) -> Interval | None:
        lower: int | None = None
        upper: int | None = None
        values = values_of(row)
        assert values is not None
        for relation, value in zip(relations, values, strict=True):
            if value is None:
                return None
            start, end = _times(relation, _milliseconds(value))
            if start is not None:
                lower = start if lower is None else max(lower, start)
            if end is not None:
                upper = end if upper is None else min(upper, end)
        if lower is not None and upper is not None and lower >= upper:
            return None
        return lower, upper

    return interval


def _milliseconds(value: Value) -> Any:
    """The bound as a number of milliseconds, exactly."""
    if isinstance(value, datetime):
        return Decimal((value - _EPOCH) // _MICROSECOND) / 1000
    return value


_NEVER = (1, 0)


def _times(relation: str, bound: Any) -> Interval:
    """The integers t with `t relation bound`, as [start, end)."""
    if not isinstance(bound, int) and not isfinite(bound):
        below = isnan(bound) or bound > 0
        always = relation in ("<", "<=") if below else relation in (">", ">=")
        return (None, None) if always else _NEVER
    match relation:
        case "<":
            return None, ceil(bound)
        case "<=":
            return None, floor(bound) + 1
        case ">":
            return floor(bound) + 1, None
        case ">=":
            return ceil(bound), None
    return (floor(bound), floor(bound) + 1) if bound == floor(bound) else _NEVER
