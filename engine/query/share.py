"""Finds what a plan computes several times, and gives it a name, so that it is computed once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

from engine.query.plan import Get, Local, Plan, Project, Values

Binding = tuple[int, Plan]


@dataclass(frozen=True)
class Program:
    """A plan with named parts: each binding may read the ones before it, the result all."""

    bindings: tuple[Binding, ...]
    result: Plan


def shared(plan: Plan) -> Program:
    """Bind every part that is used more than once, unless it is a mere projection of an input."""
    interned = _Interner().interned(plan)
    uses: Counter[int] = Counter()
    _count(interned, uses, set())
    return _Binder(uses).program(interned)


class _Interner:
    """Makes equal plans the same object; each object is looked at once."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Plan, Plan]] = {}
        self._table: dict[tuple[Any, ...], Plan] = {}

    def interned(self, plan: Plan) -> Plan:
        known = self._seen.get(id(plan))
        if known is not None:
            return known[1]
        changed = with_inputs(plan, tuple(map(self.interned, plan.inputs)))
        key = (type(plan), *(_identity(getattr(changed, f.name)) for f in fields(changed)))
        result = self._table.setdefault(key, changed)
        self._seen[id(plan)] = (plan, result)
        return result


def _identity(value: Any) -> Any:
    if isinstance(value, Plan):
        return id(value)
    if isinstance(value, tuple) and value and isinstance(value[0], Plan):
        return tuple(map(id, value))
    return value


def with_inputs(plan: Plan, inputs: tuple[Plan, ...]) -> Plan:
    """The operator over other inputs."""
    if inputs == () or all(new is old for new, old in zip(inputs, plan.inputs, strict=True)):
        return plan
    remaining = list(inputs)
    values: dict[str, Any] = {}
    for field in fields(plan):
        value = getattr(plan, field.name)
        if isinstance(value, Plan):
            value = remaining.pop(0)
        elif isinstance(value, tuple) and value and isinstance(value[0], Plan):
            value, remaining = tuple(remaining[: len(value)]), remaining[len(value) :]
        values[field.name] = value
    return type(plan)(**values)


def _count(plan: Plan, uses: Counter[int], seen: set[int]) -> None:
    uses[id(plan)] += 1
    if id(plan) not in seen:
        seen.add(id(plan))
        for child in plan.inputs:
            _count(child, uses, seen)


def _is_cheap(plan: Plan) -> bool:
    return isinstance(plan, Get | Values) or (isinstance(plan, Project) and _is_cheap(plan.input))


class _Binder:
    def __init__(self, uses: Counter[int]) -> None:
        self._uses = uses
        self._bindings: list[Binding] = []
        self._locals: dict[int, Local] = {}

    def program(self, plan: Plan) -> Program:
        result = self._bound(plan)
        return Program(tuple(self._bindings), result)

    def _bound(self, plan: Plan) -> Plan:
        known = self._locals.get(id(plan))
        if known is not None:
            return known
        changed = with_inputs(plan, tuple(map(self._bound, plan.inputs)))
        if self._uses[id(plan)] < 2 or _is_cheap(plan):
            return changed
        local = Local(len(self._bindings), plan.types)
        self._bindings.append((local.name, changed))
        self._locals[id(plan)] = local
        return local
