"""GROUP BY: one row for each group, over which the later clauses are resolved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.aggregates.signatures import ORDERED, find_aggregate
from engine.query.bind.aggregate_calls import Call, aggregate_name, read_call
from engine.query.bind.names import Names, number_of, numbered, ungrouped
from engine.query.bind.order import sort_keys
from engine.query.bind.stage import Stage
from engine.query.bind.trees import outermost, rebuilt, unwrapped
from engine.query.plan import OUTER, AggregateSpec, Project, Reduce
from engine.scalar import Scalar
from engine.scalar.nodes import Case, Constant

_SUBQUERY = (exp.Query, exp.Exists)


class GroupedStage(Stage):
    """A stage whose rows are the groups of `base`: the keys, then the aggregates in `trees`."""

    def __init__(self, base: Stage, keys: Sequence[exp.Expr], trees: Sequence[exp.Expr]) -> None:
        self._base = base
        self._written = list(keys)
        self._keys = [base.resolve(key) for key in keys]
        self._input = [base.compile(key) for key in self._keys]
        calls = _without_doubles(found for tree in trees for found in _calls(tree))
        specs = tuple(self._spec(read_call(call)) for call in calls)
        width = len(keys)
        self._aggregates = [(call, width + at) for at, call in enumerate(calls)]
        plan = Reduce(Project(base.plan, tuple(self._input)), tuple(range(width)), specs)
        super().__init__(base.binder, plan, self._key_names(), base.tables)

    def _key_names(self) -> Names:
        """The keys that are columns of FROM, under their names there; the others are refused."""
        names = self._base.names
        places = {number_of(key): at for at, key in reversed(list(enumerate(self._keys)))}
        grouped = [
            replace(column, index=places[column.index])
            for column in names.columns
            if column.index in places
        ]
        others = [column for column in names.columns if column.index not in places]
        return Names(grouped, names.parent, list(names.tables), others)

    def _spec(self, call: Call) -> AggregateSpec:
        base = self._base
        accepts = None
        if call.accepts is not None:
            condition = base.resolve(call.accepts)
            accepts = base.predicate(condition, "FILTER")
            base.reached.append(condition)
        scalars = [base.scalar(tree) for tree in call.arguments]
        written = dict(zip(call.arguments, scalars, strict=True))
        order = [written.get(item.this) or base.scalar(item.this) for item in call.order]
        if accepts is not None:
            base.reached.pop()
        read = [number for scalar in scalars for number in scalar.columns]
        if read and all(number >= OUTER for number in read):
            raise not_supported(
                f"{call.name} of an outer query's columns inside a subquery",
                "aggregate in the outer query",
            )
        found = find_aggregate(call.name, scalars)
        arguments = tuple(self._column(_accepted(scalar, accepts)) for scalar in found.arguments)
        columns = iter([self._column(_accepted(scalar, accepts)) for scalar in order])
        keys = sort_keys(call.order, lambda _: next(columns))
        if call.distinct and not {key.column for key in keys} <= set(arguments):
            raise SqlError(
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
                "42P10",
            )
        return AggregateSpec(
            call.name,
            arguments,
            found.type,
            call.distinct,
            keys if call.name in ORDERED else (),
            None if accepts is None else self._column(accepts),
        )

    def _column(self, scalar: Scalar) -> int:
        """The index of the expression among the columns that are aggregated."""
        if scalar not in self._input:
            self._input.append(scalar)
        return self._input.index(scalar)

    def known(self, tree: exp.Expr) -> exp.Expr | None:
        for call, place in self._aggregates:
            if tree == call:
                return numbered(place, aggregate_name(call) or "")
        if tree in self._written:
            at = self._written.index(tree)
            return numbered(at, self._keys[at].name)
        key = self._canonical(tree)
        if key is not None and key in self._keys:
            return numbered(self._keys.index(key), key.name)
        if number_of(tree) is not None:
            raise self._ungrouped(tree)
        return None

    def column(self, tree: exp.Column) -> exp.Expr:
        column = self._base.names.resolve(tree)
        if column.index < OUTER:
            raise self._ungrouped(column.numbered())
        self._types[column.index] = column.type
        return column.numbered()

    def _canonical(self, tree: exp.Expr) -> exp.Expr | None:
        """The tree with the base's numbers; None if it is no expression over the base's rows."""
        if tree.find(*_SUBQUERY) is not None or any(_calls(tree)):
            return None

        def change(node: exp.Expr) -> exp.Expr:
            node = unwrapped(node)
            if isinstance(node, exp.Column) and number_of(node) is None:
                return self._base.names.resolve(node).numbered()
            return rebuilt(node, change)

        return change(tree)

    def _ungrouped(self, column: exp.Expr) -> SqlError:
        number = number_of(column)
        named = next((c for c in self._base.names.columns if c.index == number), None)
        return ungrouped("" if named is None else ".".join(filter(None, (named.table, named.name))))


def _accepted(scalar: Scalar, accepts: Scalar | None) -> Scalar:
    """An argument that is not evaluated for rows that FILTER leaves out."""
    if accepts is None or not scalar.can_fail:
        return scalar
    nothing = Constant(scalar.type, None)
    return Scalar(Case(scalar.type, ((accepts.node, scalar.node),), nothing))


def _calls(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The calls of aggregate functions in the tree, outside of subqueries."""
    return outermost(tree, lambda node: aggregate_name(node) is not None)


def _without_doubles(trees: Iterator[exp.Expr]) -> list[exp.Expr]:
    return list(dict.fromkeys(trees))
