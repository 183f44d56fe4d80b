"""Finds parts of a plan that are used several times, and names them, to compute them once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from engine.query.plan import Get, Local, Plan, Project, Values, with_inputs

Binding = tuple[int, Plan]


@dataclass(frozen=True)
class Program:
    """A plan with named parts: a binding may read those before it, the result all of them."""

    bindings: tuple[Binding, ...]
    result: Plan

    @property
    def plans(self) -> tuple[Plan, ...]:
        return (*(plan for _, plan in self.bindings), self.result)


def shared(plan: Plan) -> Program:
    """Name every part that is used more than once, except mere projections of an input."""
    interned = _Interner().interned(plan)
    uses: Counter[int] = Counter()
    _count(interned, uses)
    return _Namer(uses).program(interned)


class Rewriter:
    """Applies `change` to every operator, inputs first, and visits each object once."""

    def __init__(self, change: Callable[[Plan], Plan]) -> None:
        self._change = change
        self._done: dict[int, tuple[Plan, Plan]] = {}
        """Results by the identity of the plan; the plan itself keeps that identity taken."""

    def rewritten(self, plan: Plan) -> Plan:
        done = self._done.get(id(plan))
        if done is None:
            inputs = tuple(map(self.rewritten, plan.inputs))
            done = self._done[id(plan)] = (plan, self._change(with_inputs(plan, inputs)))
        return done[1]


class _Interner(Rewriter):
    """Makes equal plans the same object."""

    def __init__(self) -> None:
        super().__init__(self._first_equal)
        self._table: dict[tuple[Any, ...], Plan] = {}

    def interned(self, plan: Plan) -> Plan:
        return self.rewritten(plan)

    def _first_equal(self, plan: Plan) -> Plan:
        key = (type(plan), *(_identity(getattr(plan, f.name)) for f in fields(plan)))
        return self._table.setdefault(key, plan)


def _identity(value: Any) -> Any:
    if isinstance(value, Plan):
        return id(value)
    if isinstance(value, tuple) and value and isinstance(value[0], Plan):
        return tuple(map(id, value))
    return value


def _count(plan: Plan, uses: Counter[int]) -> None:
    uses[id(plan)] += 1
    if uses[id(plan)] == 1:
        for child in plan.inputs:
            _count(child, uses)


def _is_cheap(plan: Plan) -> bool:
    """Whether computing the plan twice costs little, and counts no error twice."""
    if any(scalar.can_fail for scalar in plan.expressions):
        return False
    return isinstance(plan, Get | Values) or (isinstance(plan, Project) and _is_cheap(plan.input))


class _Namer:
    """Replaces parts that are used several times by `Local`s."""

    def __init__(self, uses: Counter[int]) -> None:
        self._uses = uses
        self._bindings: list[Binding] = []
        self._locals: dict[int, Local] = {}

    def program(self, plan: Plan) -> Program:
        result = self._named(plan)
        return Program(tuple(self._bindings), result)

    def _named(self, plan: Plan) -> Plan:
        known = self._locals.get(id(plan))
        if known is not None:
            return known
        changed = with_inputs(plan, tuple(map(self._named, plan.inputs)))
        if self._uses[id(plan)] < 2 or _is_cheap(plan):
            return changed
        local = Local(len(self._bindings), plan.types)
        self._bindings.append((local.name, changed))
        self._locals[id(plan)] = local
        return local
