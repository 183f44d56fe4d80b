"""Predicate pushdown: moves conditions towards the inputs, and turns equalities into join keys.

Joins of several inputs are reordered so that each input is joined by a key where there is one: a
list of tables with a WHERE does not begin with a cross join.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace

from engine.query.plan import (
    Distinct,
    Filter,
    FlatMap,
    Join,
    JoinKey,
    Lookup,
    Negate,
    Plan,
    Project,
    Reduce,
    SemiJoin,
    Temporal,
    Threshold,
    TopK,
    Union,
    Window,
    with_inputs,
)
from engine.query.predicates import conjuncts, equality, key_of, shifted, substituted
from engine.scalar import Scalar, compile_value
from engine.scalar.nodes import Call
from engine.scalar.overloads import operator
from engine.types import INT8


def pushed(plan: Plan, predicates: Iterable[Scalar] = ()) -> Plan:
    """The rows of the plan for which the predicates are true."""
    wanted = list(conjuncts(predicates))
    if isinstance(plan, Filter):
        return pushed(plan.input, [*conjuncts(plan.predicates), *wanted])
    if isinstance(plan, Project):
        columns = dict(enumerate(plan.scalars))
        inner = pushed(plan.input, [substituted(p, columns) for p in wanted])
        return Project(inner, plan.scalars)
    if isinstance(plan, Join):
        return _pushed_into_join(plan, wanted)
    if isinstance(plan, Threshold) or _is_difference(plan):
        # A failing row is counted once, above: below, a row that is subtracted would count again.
        below = [p for p in wanted if not p.can_fail]
        above = [p for p in wanted if p.can_fail]
        inputs = tuple(pushed(part, below) for part in plan.inputs)
        return _filtered(with_inputs(plan, inputs), above)
    if isinstance(plan, Union | Negate | Distinct):
        return with_inputs(plan, tuple(pushed(part, wanted) for part in plan.inputs))
    if isinstance(plan, Temporal):
        return replace(plan, input=pushed(plan.input, wanted))
    if isinstance(plan, SemiJoin):
        return replace(plan, left=pushed(plan.left, wanted), right=pushed(plan.right))
    if isinstance(plan, Lookup):
        below, above = _split(wanted, range(plan.left.width))
        changed = replace(plan, left=pushed(plan.left, below), right=pushed(plan.right))
        return _filtered(changed, above)
    if isinstance(plan, FlatMap):
        below, above = _split(wanted, range(plan.input.width))
        return _filtered(replace(plan, input=pushed(plan.input, below)), above)
    if isinstance(plan, Window):
        below, above = _split(wanted, plan.group)
        limited = pushed(plan.input, below)
        limit = _most_rows(plan, above)
        if limit is not None:
            limited = TopK(limited, plan.group, plan.order, limit, None)
        return _filtered(replace(plan, input=limited), above)
    if isinstance(plan, Reduce | TopK):
        return _pushed_into_groups(plan, wanted)
    return _filtered(with_inputs(plan, tuple(map(pushed, plan.inputs))), wanted)


def _most_rows(plan: Window, predicates: list[Scalar]) -> Scalar | None:
    """The number of rows of each partition that conditions on row_number() leave, if they do."""
    number = Scalar.column(plan.input.width, plan.call.type)
    for predicate in predicates:
        node = predicate.node
        if plan.call.function != "row_number" or not isinstance(node, Call):
            continue
        if node.function.name not in ("<", "<=", "=") or node.arguments[0] != number.node:
            continue
        bound = Scalar(node.arguments[1])
        if bound.is_constant and not bound.parameters and not bound.session_functions:
            most = compile_value(bound)(())
            if isinstance(most, int):
                most -= node.function.name == "<"
                return Scalar.constant(max(0, most), INT8)
    return None


def _is_difference(plan: Plan) -> bool:
    return isinstance(plan, Union) and any(isinstance(part, Negate) for part in plan.parts)


def _filtered(plan: Plan, predicates: list[Scalar]) -> Plan:
    return Filter(plan, tuple(predicates)) if predicates else plan


def _split(predicates: list[Scalar], columns: Iterable[int]) -> tuple[list[Scalar], list[Scalar]]:
    """Split off the predicates that read only these columns, and at least one of them."""
    allowed = frozenset(columns)
    within = [p for p in predicates if p.columns and p.columns <= allowed]
    return within, [p for p in predicates if p not in within]


def _pushed_into_groups(plan: Reduce | TopK, wanted: list[Scalar]) -> Plan:
    """Push conditions on the grouping columns, which keep or drop whole groups."""
    if isinstance(plan, TopK):
        below, above = _split(wanted, plan.group)
        return _filtered(replace(plan, input=pushed(plan.input, below)), above)
    below, above = _split(wanted, range(len(plan.group)))
    types = plan.input.types
    columns = {at: Scalar.column(column, types[column]) for at, column in enumerate(plan.group)}
    inner = pushed(plan.input, [substituted(p, columns) for p in below])
    return _filtered(replace(plan, input=inner), above)


def _pushed_into_join(plan: Join, wanted: list[Scalar]) -> Plan:
    if plan.guarded:
        failing = [p for p in wanted if p.can_fail]
        harmless = [p for p in wanted if not p.can_fail]
        return _filtered(_pushed_into_pair(plan, harmless), failing)
    if not _is_free(plan):
        return _pushed_into_pair(plan, wanted)
    parts, conditions = _flattened(plan)
    return _JoinOrder(parts, [*conditions, *wanted]).joined()


def _is_free(plan: Join) -> bool:
    """Whether the join's inputs may be joined in another order."""
    return not plan.guarded and not any(key.null_safe for key in plan.keys)


def _pushed_into_pair(plan: Join, wanted: list[Scalar]) -> Plan:
    boundary = plan.left.width
    lefts, rest = _split(wanted, range(boundary))
    rights, rest = _split(rest, range(boundary, plan.width))
    keys = list(plan.keys)
    above: list[Scalar] = []
    for predicate in rest:
        key = key_of(predicate, boundary)
        if key is None:
            above.append(predicate)
        else:
            keys.append(key)
    left = pushed(plan.left, lefts)
    right = pushed(plan.right, [shifted(p, -boundary) for p in rights])
    return _filtered(replace(plan, left=left, right=right, keys=tuple(keys)), above)


@dataclass(frozen=True)
class _Part:
    """An input of a join of several; its columns begin at `start` of the whole row."""

    plan: Plan
    start: int

    @property
    def columns(self) -> frozenset[int]:
        return frozenset(range(self.start, self.start + self.plan.width))


def _flattened(plan: Plan) -> tuple[list[_Part], list[Scalar]]:
    """The inputs of nested joins, and all their conditions over the row of all of them."""
    if isinstance(plan, Filter):
        parts, conditions = _flattened(plan.input)
        if len(parts) > 1:
            return parts, [*conditions, *conjuncts(plan.predicates)]
    if not isinstance(plan, Join) or not _is_free(plan):
        return [_Part(plan, 0)], []
    width = plan.left.width
    parts, conditions = _flattened(plan.left)
    right_parts, right_conditions = _flattened(plan.right)
    parts = [*parts, *(_Part(part.plan, part.start + width) for part in right_parts)]
    equalities = [
        Scalar(operator("=", (key.left.node, shifted(key.right, width).node))) for key in plan.keys
    ]
    return parts, [*conditions, *(shifted(p, width) for p in right_conditions), *equalities]


class _JoinOrder:
    """Joins parts one after the other, next one that a key joins to those before it."""

    def __init__(self, parts: list[_Part], conditions: list[Scalar]) -> None:
        self._conditions = conditions
        self._waiting = [self._with_own_conditions(part) for part in parts]
        self._places: dict[int, int] = {}
        self._width = sum(part.plan.width for part in parts)

    def _with_own_conditions(self, part: _Part) -> tuple[_Part, Plan]:
        own, self._conditions = _split(self._conditions, part.columns)
        return part, pushed(part.plan, [shifted(p, -part.start) for p in own])

    def joined(self) -> Plan:
        part, plan = self._waiting.pop(0)
        self._place(part, 0)
        while self._waiting:
            part, right = self._waiting.pop(self._next())
            boundary = plan.width
            self._place(part, boundary)
            plan = self._with_conditions(Join(plan, right), boundary)
        plan = _filtered(plan, [self._moved(p) for p in self._conditions])
        if all(place == column for column, place in self._places.items()):
            return plan
        columns = plan.columns()
        return Project(plan, tuple(columns[self._places[at]] for at in range(self._width)))

    def _place(self, part: _Part, start: int) -> None:
        for column in part.columns:
            self._places[column] = column - part.start + start

    def _moved(self, predicate: Scalar) -> Scalar:
        return predicate.moved({n: self._places[n] for n in predicate.columns})

    def _next(self) -> int:
        """Choose the part to join next: the first that has a key, else the first."""
        placed = self._places.keys()
        for number, (part, _) in enumerate(self._waiting):
            for predicate in self._conditions:
                if _joins(predicate, placed, part.columns):
                    return number
        return 0

    def _with_conditions(self, join: Join, boundary: int) -> Plan:
        """Apply the conditions whose columns the join has."""
        ready = [p for p in self._conditions if p.columns and p.columns <= self._places.keys()]
        self._conditions = [p for p in self._conditions if p not in ready]
        keys: list[JoinKey] = []
        others: list[Scalar] = []
        for predicate in map(self._moved, ready):
            key = key_of(predicate, boundary)
            if key is None:
                others.append(predicate)
            else:
                keys.append(key)
        return _filtered(replace(join, keys=tuple(keys)), others)


def _joins(predicate: Scalar, placed: Set[int], columns: frozenset[int]) -> bool:
    """Whether the predicate equates an expression over `placed` and one over `columns`."""
    sides = equality(predicate)
    if sides is None:
        return False
    one, other = (side.columns for side in sides)
    return bool(one and other) and (
        (one <= placed and other <= columns) or (other <= placed and one <= columns)
    )
