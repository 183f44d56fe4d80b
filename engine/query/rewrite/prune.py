"""Column pruning: removes columns that no operator reads, down to the inputs.

Operators that count or compare whole rows (DISTINCT, differences, the ties of a top-k) read every
column. The columns that a named part must have are known when all its readers are done, so the
parts are visited from the last to the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine.query.plan import (
    Distinct,
    Filter,
    FlatMap,
    Get,
    Join,
    JoinKey,
    Local,
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
    Values,
    Window,
    with_inputs,
)
from engine.query.rewrite.share import Program
from engine.scalar import Scalar


def pruned(program: Program) -> Program:
    """Keep in every operator only the columns that are read above it."""
    pruner = _Pruner()
    result = pruner.only(program.result, range(program.result.width))
    bindings = []
    for name, plan in reversed(program.bindings):
        read = pruner.demands.get(name, [])
        bindings.append((name, pruner.only(plan, read)))
    return _narrowed(Program(tuple(reversed(bindings)), result), pruner.demands)


def _narrowed(program: Program, demands: dict[int, list[int]]) -> Program:
    """Renumber the columns of pruned parts where these are read."""
    types = {name: plan.types for name, plan in program.bindings}

    def change(plan: Plan) -> Plan:
        if isinstance(plan, Project) and isinstance(plan.input, Local):
            name = plan.input.name
            places = {old: new for new, old in enumerate(demands[name])}
            scalars = tuple(
                scalar.moved({n: places[n] for n in scalar.columns}) for scalar in plan.scalars
            )
            return Project(Local(name, types[name]), scalars)
        return with_inputs(plan, tuple(map(change, plan.inputs)))

    bindings = tuple((name, change(plan)) for name, plan in program.bindings)
    return Program(bindings, change(program.result))


class _Pruner:
    def __init__(self) -> None:
        self.demands: dict[int, list[int]] = {}
        """The columns of each named part that are read, in the order that they will have."""

    def only(self, plan: Plan, wanted: Iterable[int]) -> Plan:
        """The plan with exactly the wanted columns, in the order of `wanted`."""
        columns = list(wanted)
        if isinstance(plan, Project):
            return self._project(plan, columns)
        inner, kept = self._at_least(plan, frozenset(columns))
        if kept == columns:
            return inner
        types = plan.types
        places = {old: new for new, old in enumerate(kept)}
        return Project(inner, tuple(Scalar.column(places[c], types[c]) for c in columns))

    def _project(self, plan: Project, columns: list[int]) -> Plan:
        scalars = tuple(plan.scalars[column] for column in columns)
        inner, kept = self._at_least(plan.input, _read(scalars))
        return Project(inner, _moved(scalars, kept))

    def _all(self, plan: Plan) -> Plan:
        return self.only(plan, range(plan.width))

    def _at_least(self, plan: Plan, wanted: frozenset[int]) -> tuple[Plan, list[int]]:
        """The plan with the wanted columns and perhaps more, and the list of them in order."""
        if isinstance(plan, Get | Values):
            return plan, list(range(plan.width))
        if isinstance(plan, Local):
            demand = self.demands.setdefault(plan.name, [])
            demand += sorted(wanted - set(demand))
            types, columns = plan.types, sorted(wanted)
            return Project(plan, tuple(Scalar.column(c, types[c]) for c in columns)), columns
        if isinstance(plan, Project):
            columns = sorted(wanted)
            return self._project(plan, columns), columns
        if isinstance(plan, Filter):
            inner, kept = self._at_least(plan.input, wanted | _read(plan.predicates))
            return Filter(inner, _moved(plan.predicates, kept)), kept
        if isinstance(plan, Temporal):
            return self._temporal(plan, wanted)
        if isinstance(plan, FlatMap):
            return self._flat_map(plan, wanted)
        if isinstance(plan, Join):
            return self._join(plan, wanted)
        if isinstance(plan, Lookup):
            return self._lookup(plan, wanted)
        if isinstance(plan, SemiJoin):
            return self._semi_join(plan, wanted)
        if isinstance(plan, Reduce):
            return self._reduce(plan, wanted)
        if isinstance(plan, Window):
            return self._window(plan, wanted)
        if isinstance(plan, Union | Negate):
            columns = sorted(wanted)
            inputs = tuple(self.only(part, columns) for part in plan.inputs)
            return with_inputs(plan, inputs), columns
        assert isinstance(plan, Distinct | Threshold | TopK), plan
        inputs = tuple(map(self._all, plan.inputs))
        return with_inputs(plan, inputs), list(range(plan.width))

    def _temporal(self, plan: Temporal, wanted: frozenset[int]) -> tuple[Plan, list[int]]:
        scalars = [bound for _, bound in plan.bounds]
        columns = sorted(wanted | _read(scalars))
        inner = self.only(plan.input, columns)
        moved = _moved(scalars, columns)
        bounds = zip((relation for relation, _ in plan.bounds), moved, strict=True)
        return Temporal(inner, tuple(bounds)), columns

    def _flat_map(self, plan: FlatMap, wanted: frozenset[int]) -> tuple[Plan, list[int]]:
        width = plan.input.width
        below = frozenset(column for column in wanted if column < width)
        columns = sorted(below | _read(plan.arguments))
        inner = self.only(plan.input, columns)
        produced = list(range(width, plan.width))
        arguments = _moved(plan.arguments, columns)
        return replace(plan, input=inner, arguments=arguments), columns + produced

    def _join(self, plan: Join, wanted: frozenset[int]) -> tuple[Plan, list[int]]:
        width = plan.left.width
        left_keys = [key.left for key in plan.keys]
        right_keys = [key.right for key in plan.keys]
        lefts = sorted({c for c in wanted if c < width} | _read(left_keys))
        rights = sorted({c - width for c in wanted if c >= width} | _read(right_keys))
        keys = _keys(plan.keys, _moved(left_keys, lefts), _moved(right_keys, rights))
        left, right = self.only(plan.left, lefts), self.only(plan.right, rights)
        return replace(plan, left=left, right=right, keys=keys), lefts + [
            column + width for column in rights
        ]

    def _lookup(self, plan: Lookup, wanted: frozenset[int]) -> tuple[Plan, list[int]]:
        """A subquery whose value is not read is not evaluated."""
        width = plan.left.width
        if all(column < width for column in wanted):
            return self._at_least(plan.left, wanted)
        when = [] if plan.when is None else [plan.when]
        left_keys = [*(key.left for key in plan.keys), *when]
        right_keys = [key.right for key in plan.keys]
        lefts = sorted({c for c in wanted if c < width} | _read(left_keys))
        rights = sorted({c - width for c in wanted if c >= width} | _read(right_keys))
        moved = list(_moved(left_keys, lefts))
        kept = moved.pop() if when else None
        keys = _keys(plan.keys, tuple(moved), _moved(right_keys, rights))
        left, right = self.only(plan.left, lefts), self.only(plan.right, rights)
        found = Lookup(left, right, keys, kept, plan.required)
        return found, lefts + [column + width for column in rights]

    def _semi_join(self, plan: SemiJoin, wanted: frozenset[int]) -> tuple[Plan, list[int]]:
        left_keys = [key.left for key in plan.keys]
        right_keys = [key.right for key in plan.keys]
        lefts = sorted(wanted | _read(left_keys))
        rights = sorted(_read(right_keys))
        keys = _keys(plan.keys, _moved(left_keys, lefts), _moved(right_keys, rights))
        left, right = self.only(plan.left, lefts), self.only(plan.right, rights)
        return SemiJoin(left, right, keys, plan.anti), lefts

    def _window(self, plan: Window, wanted: frozenset[int]) -> tuple[Plan, list[int]]:
        width = plan.input.width
        if width not in wanted:
            return self._at_least(plan.input, wanted)
        columns = sorted({column for column in wanted if column < width} | plan.read)
        places = {old: new for new, old in enumerate(columns)}
        return plan.moved(self.only(plan.input, columns), places), [*columns, width]

    def _reduce(self, plan: Reduce, wanted: frozenset[int]) -> tuple[Plan, list[int]]:
        groups = len(plan.group)
        kept = [at for at in range(len(plan.aggregates)) if at + groups in wanted]
        aggregates = [plan.aggregates[at] for at in kept]
        columns = list(dict.fromkeys(plan.group))
        for aggregate in aggregates:
            columns += sorted(aggregate.columns - set(columns))
        places = {old: new for new, old in enumerate(columns)}
        reduced = Reduce(
            self.only(plan.input, columns),
            tuple(places[column] for column in plan.group),
            tuple(aggregate.moved(places) for aggregate in aggregates),
        )
        return reduced, [*range(groups), *(at + groups for at in kept)]


def _read(scalars: Iterable[Scalar]) -> frozenset[int]:
    return frozenset(column for scalar in scalars for column in scalar.columns)


def _moved(scalars: Iterable[Scalar], kept: list[int]) -> tuple[Scalar, ...]:
    places = {old: new for new, old in enumerate(kept)}
    return tuple(s.moved({column: places[column] for column in s.columns}) for s in scalars)


def _keys(
    keys: tuple[JoinKey, ...], lefts: tuple[Scalar, ...], rights: tuple[Scalar, ...]
) -> tuple[JoinKey, ...]:
    sides = zip(keys, lefts, rights, strict=True)
    return tuple(JoinKey(left, right, key.null_safe) for key, left, right in sides)
