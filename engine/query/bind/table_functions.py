"""Table functions in FROM: generate_series, unnest, and those that take JSON apart."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from engine.errors import not_supported
from engine.query.bind.clauses import only, present
from engine.query.bind.context import Bound, Context, Tables
from engine.query.bind.stage import Stage
from engine.query.names import Names, name_of
from engine.query.plan import UNIT, FlatMap
from engine.query.table_functions import find_table_function
from engine.relation import Column


@dataclass(frozen=True)
class TableCall:
    """`function(arguments) [WITH ORDINALITY] AS alias`; `alias` None if there is none."""

    function: str
    arguments: tuple[exp.Expr, ...]
    alias: exp.Expr | None

    @property
    def default_name(self) -> str:
        return self.function


def table_call(tree: exp.Expr) -> TableCall | None:
    """The call, if the table expression is one of a table function."""
    if isinstance(tree, exp.Lateral) and not isinstance(tree.this, exp.Subquery):
        only(tree, ("this", "alias", "view", "outer"))
        return _call(tree.this, present(tree, "alias"))
    if isinstance(tree, exp.Unnest):
        if tree.args.get("offset"):
            raise not_supported("WITH ORDINALITY")
        return TableCall("unnest", tuple(tree.expressions), present(tree, "alias"))
    if isinstance(tree, exp.Table) and isinstance(tree.this, exp.Func):
        only(tree, ("this", "alias", "ordinality"))
        if tree.args.get("ordinality"):
            raise not_supported("WITH ORDINALITY")
        return _call(tree.this, present(tree, "alias"))
    return None


def _call(function: exp.Expr, alias: exp.Expr | None) -> TableCall:
    if isinstance(function, exp.GenerateSeries | exp.ExplodingGenerateSeries):
        parts = (present(function, part) for part in ("start", "end", "step"))
        arguments = tuple(part for part in parts if part is not None)
        return TableCall("generate_series", arguments, alias)
    if isinstance(function, exp.Unnest | exp.Explode):
        first = present(function, "this")
        arguments = tuple(function.expressions) if first is None else (first, *function.expressions)
        return TableCall("unnest", arguments, alias)
    if isinstance(function, exp.Anonymous):
        return TableCall(function.name.lower(), tuple(function.expressions), alias)
    raise not_supported(f"{type(function).__name__} in FROM")


def bind_table_call(
    context: Context, call: TableCall, parent: Names | None, tables: Tables
) -> Bound:
    """The rows that the call gives; its arguments may read the row outside."""
    stage = Stage(context, UNIT, Names(parent=parent), tables)
    arguments = tuple(stage.scalar(tree) for tree in call.arguments)
    if stage.plan is not UNIT:
        raise not_supported(
            f"a subquery as argument of {call.function}", "join with the subquery first"
        )
    found = find_table_function(call.function, arguments)
    columns = tuple(Column(name, type_) for name, type_ in found.columns)
    if len(columns) == 1 and call.alias is not None and call.alias.this is not None:
        columns = (Column(name_of(call.alias.this), columns[0].type),)
    plan = FlatMap(UNIT, found.name, found.arguments, tuple(c.type for c in columns))
    return Bound(plan, columns)
