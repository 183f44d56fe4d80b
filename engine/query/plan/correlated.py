"""The operators whose right side may read the rows outside it: subqueries, LATERAL, outer joins.

In the subquery of an `Apply`, column `outer(1, i)` is column i of the Apply's input, and
`outer(2, i)` a column of the row around that. `rewrite/decorrelate` replaces these operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from typing import Literal

from engine.query.plan.base import OUTER, Over, Pair, Plan, Types, Values, with_inputs
from engine.query.plan.operators import (
    Distinct,
    Filter,
    FlatMap,
    Project,
    Reduce,
    Temporal,
    TopK,
    Union,
)
from engine.scalar import Scalar
from engine.types import BOOL


@dataclass(frozen=True)
class Correlated(Over):
    """An operator that evaluates `subquery` for each row of its input."""

    subquery: Plan

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return (self.input, self.subquery)

    @cached_property
    def outer_columns(self) -> frozenset[int]:
        own = {n for scalar in self.expressions for n in scalar.columns if n >= OUTER}
        inner = {n - OUTER for n in self.subquery.outer_columns if n >= 2 * OUTER}
        return self.input.outer_columns | own | inner


@dataclass(frozen=True)
class Apply(Correlated):
    """Each row of `input` with the subquery's result for it.

    The kinds `inner` and `left` are lateral joins; `left` returns a row of NULLs where the
    subquery is empty or `on` is true for none of its rows. `scalar` adds the value of a subquery
    with one column: NULL if it is empty, an error if it has two rows. `exists` adds whether the
    subquery has a row. The last two are not evaluated, and their value is not used, for rows for
    which `when` is not true.
    """

    kind: Literal["inner", "left", "scalar", "exists"]
    on: Scalar | None = None
    when: Scalar | None = None

    @cached_property
    def types(self) -> Types:
        return self.input.types + ((BOOL,) if self.kind == "exists" else self.subquery.types)

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return tuple(scalar for scalar in (self.on, self.when) if scalar is not None)

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        remaining = iter(expressions)
        on = None if self.on is None else next(remaining)
        return replace(self, on=on, when=next(remaining, None))


@dataclass(frozen=True)
class SemiApply(Correlated):
    """The rows of `input` for which the subquery has a row; with `anti`, the others."""

    anti: bool


@dataclass(frozen=True)
class OuterJoin(Pair):
    """A left, right or full join; `on` reads the left row's columns, then the right row's."""

    kind: Literal["left", "right", "full"]
    on: Scalar

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return (self.on,)

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        (on,) = expressions
        return OuterJoin(self.left, self.right, self.kind, on)


def exactly_one(plan: Plan) -> bool:
    """Whether the plan has exactly one row for each outer row, whatever the data."""
    if isinstance(plan, Project):
        return exactly_one(plan.input)
    if isinstance(plan, Reduce):
        return not plan.group
    return isinstance(plan, Values) and len(plan.rows) == 1


def at_most_one(plan: Plan) -> bool:
    """Whether the plan has at most one row for each outer row, whatever the data."""
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
    """Whether the plan's rows for an outer row depend on that row alone."""
    if isinstance(plan, Project | Filter | FlatMap | Temporal | Union):
        return all(map(is_linear, plan.inputs))
    return isinstance(plan, Values)


_TOTAL_AGGREGATES = {"count", "min", "max", "bool_and", "bool_or", "every", "array_agg"}
"""Aggregates whose result is never an error."""


def can_fail(plan: Plan, kind: str) -> bool:
    """Whether evaluating the plan, as the subquery of an Apply, may be an error for a row."""
    seen: set[int] = set()

    def fails(part: Plan) -> bool:
        if id(part) in seen:
            return False
        seen.add(id(part))
        own = isinstance(part, FlatMap) or any(scalar.can_fail for scalar in part.expressions)
        if isinstance(part, Apply) and part.kind == "scalar":
            own = own or not at_most_one(part.subquery)
        if isinstance(part, Reduce):
            own = own or any(a.function not in _TOTAL_AGGREGATES for a in part.aggregates)
        return own or any(map(fails, part.inputs))

    return (kind == "scalar" and not at_most_one(plan)) or fails(plan)


def deepened(plan: Plan, by: int) -> Plan:
    """The plan inside `by` more subqueries: its outer columns are further out."""
    done: dict[tuple[int, int], Plan] = {}

    def changed(part: Plan, depth: int) -> Plan:
        """A part that is `depth` subqueries inside the plan."""
        beyond = (depth + 1) * OUTER
        if not any(number >= beyond for number in part.outer_columns):
            return part
        known = done.get((id(part), depth))
        if known is None:
            expressions = [
                scalar.moved({n: n + by * OUTER if n >= beyond else n for n in scalar.columns})
                for scalar in part.expressions
            ]
            depths = (depth, depth + 1) if isinstance(part, Correlated) else repeat(depth)
            inputs = tuple(map(changed, part.inputs, depths))
            known = with_inputs(part.with_expressions(expressions), inputs)
            done[id(part), depth] = known
        return known

    return changed(plan, 0) if by else plan
