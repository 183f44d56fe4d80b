"""Table functions in FROM: generate_series, unnest, and those that take JSON apart."""

from __future__ import annotations

from engine.errors import not_supported
from engine.query.bind.calls import TableCall
from engine.query.bind.context import Bound, Context, Tables
from engine.query.bind.stage import Stage
from engine.query.names import Names, name_of
from engine.query.plan import UNIT, FlatMap
from engine.query.table_functions import find_table_function
from engine.relation import Column


def bind_table_call(
    context: Context, call: TableCall, parent: Names | None, tables: Tables
) -> Bound:
    """The rows that the call gives; its arguments may read the row outside."""
    stage = Stage(context, UNIT, Names(parent=parent), tables)
    arguments = tuple(stage.scalar(tree, keep_unknown=True) for tree in call.arguments)
    if stage.plan is not UNIT:
        raise not_supported(
            f"a subquery as argument of {call.function}", "join with the subquery first"
        )
    found = find_table_function(call.function, arguments)
    columns = tuple(Column(name, type_) for name, type_ in found.columns)
    named_alike = columns[0].name == call.function
    if named_alike and call.alias is not None and call.alias.this is not None:
        columns = (Column(name_of(call.alias.this), columns[0].type),)
    plan = FlatMap(UNIT, found.name, found.arguments, tuple(c.type for c in columns))
    return Bound(plan, columns)
