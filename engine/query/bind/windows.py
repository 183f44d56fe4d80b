"""Window functions in a SELECT list: each becomes a column of the stage's plan."""

from __future__ import annotations

from sqlglot import exp

from engine.query.aggregates.signatures import find_aggregate
from engine.query.bind.names import numbered
from engine.query.bind.order import sort_keys
from engine.query.bind.stage import Stage
from engine.query.bind.window_calls import read_window
from engine.query.plan import AggregateSpec, Project, Window
from engine.scalar import Scalar
from engine.types import INT8, SqlType


def add_window(stage: Stage, tree: exp.Window) -> exp.Expr:
    """Add a column with the value of the window function; raises SqlError."""
    call = read_window(tree)
    arguments = tuple(stage.scalar(argument) for argument in call.arguments)
    type_: SqlType = INT8
    if call.is_aggregate:
        found = find_aggregate(call.name, arguments)
        arguments, type_ = found.arguments, found.type
    elif arguments:
        type_ = arguments[0].type
        arguments = tuple(stage.coerce(argument, type_, call.name) for argument in arguments)
    accepts = None if call.accepts is None else stage.predicate(call.accepts, "FILTER")
    partition = [stage.scalar(key) for key in call.partition]
    order = [stage.scalar(item.this) for item in call.order]
    added: list[Scalar] = [*arguments, *partition, *order, *([] if accepts is None else [accepts])]
    before = stage.plan.width
    plan = Project(stage.plan, (*stage.plan.columns(), *added))
    places = iter(range(before, plan.width))
    columns = tuple(next(places) for _ in arguments)
    group = tuple(next(places) for _ in partition)
    keys = sort_keys(call.order, lambda _: next(places))
    accepted = None if accepts is None else next(places)
    spec = AggregateSpec(call.name, columns, type_, accepts=accepted)
    stage.plan = Window(plan, group, keys, spec, call.offset)
    return numbered(stage.plan.width - 1, call.name)
