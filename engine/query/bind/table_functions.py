"""Table functions in FROM: generate_series, unnest, and those that take JSON apart."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import not_supported
from engine.query.bind.calls import TableCall
from engine.query.bind.context import Bound, Context, Tables
from engine.query.bind.stage import Stage
from engine.query.names import Names, name_of
from engine.query.plan import OUTER, UNIT, FlatMap
from engine.query.table_functions import find_table_function
from engine.relation import Column
from engine.scalar import Scalar


def bind_table_call(
    context: Context, call: TableCall, parent: Names | None, tables: Tables
) -> Bound:
    """The rows that a call in FROM gives; its arguments may read the row outside."""
    stage = Stage(context, UNIT, Names(parent=parent), tables)
    arguments = [stage.scalar(tree, keep_unknown=True) for tree in call.arguments]
    if stage.plan is not UNIT:
        raise not_supported(
            f"a subquery as argument of {call.function}", "join with the subquery first"
        )
    return _called(call, arguments)


def bind_call_beside(stage: Stage, call: TableCall) -> Bound:
    """The rows that a call in a SELECT list gives, as a subquery of the stage's rows."""
    arguments = [stage.scalar(tree, keep_unknown=True) for tree in call.arguments]
    outward = [scalar.moved({n: n + OUTER for n in scalar.columns}) for scalar in arguments]
    return _called(call, outward)


def _called(call: TableCall, arguments: Sequence[Scalar]) -> Bound:
    found = find_table_function(call.function, arguments)
    columns = tuple(Column(name, type_) for name, type_ in found.columns)
    named_alike = columns[0].name == call.function
    if named_alike and call.alias is not None and call.alias.this is not None:
        columns = (Column(name_of(call.alias.this), columns[0].type),)
    plan = FlatMap(UNIT, found.name, found.arguments, tuple(c.type for c in columns))
    return Bound(plan, columns)
