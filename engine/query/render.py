"""From a plan to the operators of a dataflow."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import itemgetter

from engine import code
from engine.dataflow import Dataflow, Node, Operator
from engine.dataflow import operators as op
from engine.dataflow.index import KeyFunction
from engine.dataflow.operators.join import concatenate
from engine.errors import SqlError
from engine.query.aggregates.factory import aggregate_call, is_count_of_rows, window_function
from engine.query.ordering import row_key
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
)
from engine.query.predicates import conjunction, conjuncts, substituted
from engine.query.rewrite.share import Program
from engine.query.table_functions import ROWS, UNBOUNDED, with_ordinality
from engine.query.temporal import interval_function
from engine.scalar import Evaluation, Scalar, compile_batch, compile_rows, compile_value
from engine.zset import Change, Row, ZSet, add_row

Source = int | str
"""Where a change comes from: the number of a node, or the id of an input."""


def render(program: Program, evaluation: Evaluation, *, is_large: bool = False) -> Dataflow:
    """Build a dataflow that computes the program; all code of a large one is compiled at once."""
    renderer = _Renderer(evaluation, is_large)
    for name, plan in program.bindings:
        renderer.locals[name] = renderer.source(plan)
    output = renderer.source(program.result)
    return Dataflow(renderer.nodes, output)


class _Renderer:
    def __init__(self, evaluation: Evaluation, is_large: bool) -> None:
        self._evaluation = evaluation
        self._is_large = is_large
        self.nodes: list[Node] = []
        self.locals: dict[int, Source] = {}

    def source(self, plan: Plan) -> Source:
        """Where the plan's change comes from, after adding the nodes that make it."""
        if isinstance(plan, Get):
            return plan.id
        if isinstance(plan, Local):
            return self.locals[plan.name]
        if isinstance(plan, Project | Filter):
            return self._computed(plan)
        inputs = tuple(map(self.source, plan.inputs))
        return self._add(self._operator(plan), inputs)

    def _add(self, operator: Operator, inputs: tuple[Source, ...]) -> int:
        self.nodes.append(Node(operator, inputs))
        return len(self.nodes) - 1

    def _computed(self, plan: Plan) -> Source:
        """A chain of projections and filters, as one function."""
        scalars, predicates, below = fused(plan)
        if not predicates and scalars == below.columns():
            return self.source(below)
        columns = [scalar.column_index for scalar in scalars]
        if isinstance(below, Join) and not predicates and None not in columns:
            return self._joined(below, [column for column in columns if column is not None])
        source = self.source(below)
        origin = below.id if isinstance(below, Get) else None
        function = compile_batch(scalars, conjunction(predicates), self._evaluation, origin)
        if self._is_large:
            function.prepare()
        return self._add(op.Compute(function), (source,))

    def _joined(self, plan: Join, columns: Sequence[int]) -> Source:
        """A join of which these columns are wanted: a pair becomes its row at once."""
        width = plan.left.width
        picked = [f"l[{c}]" if c < width else f"r[{c - width}]" for c in columns]
        combine = code.function("l, r", code.row_of(picked))
        left, right = self._keys(plan.keys)
        return self._add(op.Join(left, right, combine), tuple(map(self.source, plan.inputs)))

    def _operator(self, plan: Plan) -> Operator:
        evaluation = self._evaluation
        match plan:
            case Values():
                return self._values(plan)
            case Join():
                left, right = self._keys(plan.keys)
                return op.Join(left, right, concatenate)
            case SemiJoin():
                left, right = self._keys(plan.keys)
                return op.SemiJoin(left, right, anti=plan.anti)
            case Lookup():
                return self._lookup(plan)
            case Reduce():
                return _reduce(plan)
            case TopK():
                return self._top_k(plan)
            case Window():
                types = plan.input.types
                order = row_key(types, plan.order)
                peer = _columns(tuple(key.column for key in plan.order))
                function = window_function(plan.call, plan.offset, types)
                return op.Window(_columns(plan.group), order, peer, function)
            case Temporal():
                return op.Temporal(interval_function(plan.bounds, evaluation))
            case FlatMap():
                return self._flat_map(plan)
            case Distinct():
                return op.Distinct()
            case Threshold():
                return op.Threshold()
            case Negate():
                return op.Negate()
            case Union():
                return op.Union()
        raise AssertionError(f"no operator for {plan}")

    def _values(self, plan: Values) -> Operator:
        rows: ZSet = {}
        for scalars in plan.rows:
            if all(scalar.is_literal for scalar in scalars):
                row: Row | None = tuple(scalar.value for scalar in scalars)
            else:
                row = compile_rows(scalars, None, self._evaluation)(())
            assert row is not None
            add_row(rows, row, 1)
        return op.Constant(rows)

    def _keys(self, keys: Sequence[JoinKey]) -> tuple[KeyFunction, KeyFunction]:
        """The key functions of both sides."""
        null_safe = [key.null_safe for key in keys]
        left = self._key([key.left for key in keys], null_safe)
        return left, self._key([key.right for key in keys], null_safe)

    def _key(self, scalars: list[Scalar], null_safe: list[bool]) -> KeyFunction:
        function = compile_rows(scalars, None, self._evaluation)
        strict = [at for at, safe in enumerate(null_safe) if not safe]
        if not strict:
            return function

        def key(row: Row) -> Hashable:
            values = function(row)
            assert values is not None
            for at in strict:
                if values[at] is None:
                    return None
            return values

        return key

    def _lookup(self, plan: Lookup) -> Operator:
        left, right = self._keys(plan.keys)
        if plan.when is not None:
            is_wanted = compile_rows([plan.when], None, self._evaluation)
            key_of = left

            def left(row: Row) -> Hashable:
                return key_of(row) if is_wanted(row) == (True,) else None

        return op.Lookup(left, right, plan.right.width, required=plan.required)

    def _top_k(self, plan: TopK) -> Operator:
        limit = self.count(plan.limit, "LIMIT")
        offset = self.count(plan.offset, "OFFSET") or 0
        assert limit is not None, "an OFFSET alone is planned as a difference"
        order = row_key(plan.types, plan.order)
        group = _columns(plan.group) if plan.group else None
        return op.TopK(group, order, limit=limit, offset=offset)

    def count(self, scalar: Scalar | None, clause: str) -> int | None:
        return count(scalar, clause, self._evaluation)

    def _flat_map(self, plan: FlatMap) -> Operator:
        arguments = compile_rows(plan.arguments, None, self._evaluation)
        rows_of = ROWS[plan.function]
        if plan.ordinality:
            rows_of = with_ordinality(rows_of)

        def produced(row: Row) -> Iterable[Row]:
            values = arguments(row)
            return () if values is None or None in values else rows_of(*values)

        if plan.function in UNBOUNDED:
            return op.FlatMap(produced)

        def batch(change: Change) -> tuple[ZSet, dict[str, int]]:
            output: ZSet = {}
            errors: dict[str, int] = {}
            for row, weight in change.items():
                try:
                    rows = list(produced(row))
                except SqlError as error:
                    errors[error.message] = errors.get(error.message, 0) + weight
                    continue
                for more in rows:
                    add_row(output, row + more, weight)
            return output, {text: count for text, count in errors.items() if count}

        return op.Compute(batch)


def _reduce(plan: Reduce) -> Operator:
    types = plan.input.types
    whole = plan.group == tuple(range(len(types)))
    key = None if whole else _columns(plan.group)
    if plan.group and list(map(is_count_of_rows, plan.aggregates)) == [True]:
        if len(plan.group) == 1:
            return op.Count(itemgetter(*plan.group), is_column=True)
        return op.Count(key)
    calls = [aggregate_call(spec, types) for spec in plan.aggregates]
    return op.Reduce(key, calls, single=not plan.group)


def count(scalar: Scalar | None, clause: str, evaluation: Evaluation) -> int | None:
    """The value of LIMIT or OFFSET; raises SqlError if it is negative."""
    if scalar is None:
        return None
    value: int | None = compile_value(scalar, evaluation)(())
    if value is not None and value < 0:
        raise SqlError(f"{clause} must not be negative", "2201W" if clause == "LIMIT" else "2201X")
    return value


def fused(plan: Plan) -> tuple[tuple[Scalar, ...], list[Scalar], Plan]:
    """A chain of projections and filters as expressions and conditions over what is below it."""
    scalars = plan.columns()
    predicates: list[Scalar] = []
    while isinstance(plan, Project | Filter):
        if isinstance(plan, Project):
            columns = dict(enumerate(plan.scalars))
            scalars = tuple(substituted(scalar, columns) for scalar in scalars)
            predicates = [substituted(predicate, columns) for predicate in predicates]
        else:
            predicates = [*conjuncts(plan.predicates), *predicates]
        plan = plan.input
    return scalars, predicates, plan


def _columns(columns: tuple[int, ...]) -> Callable[[Row], Row]:
    """A function that takes these columns of a row."""
    if columns == tuple(range(len(columns))):
        width = len(columns)
        return lambda row: row[:width]
    return code.function("r", code.row_of(f"r[{column}]" for column in columns))  # type: ignore[no-any-return]
