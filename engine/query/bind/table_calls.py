"""Table functions in FROM and in SELECT lists: recognises the calls, and binds them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from engine.errors import not_supported
from engine.query.bind.trees import only, present
from engine.query.table_functions import TABLE_FUNCTIONS


@dataclass(frozen=True)
class TableCall:
    """`function(arguments) [WITH ORDINALITY] [AS alias]`."""

    function: str
    arguments: tuple[exp.Expr, ...]
    alias: exp.Expr | None = None
    ordinality: bool = False


def table_call(tree: exp.Expr) -> TableCall | None:
    """The call of a table function in FROM; None for another table expression."""
    if isinstance(tree, exp.Lateral) and not isinstance(tree.this, exp.Subquery):
        only(tree, ("this", "alias", "view", "outer"))
        return _call(tree.this, present(tree, "alias"))
    if isinstance(tree, exp.Unnest):
        return _unnest(tree)
    if isinstance(tree, exp.Table) and isinstance(tree.this, exp.Func):
        only(tree, ("this", "alias", "ordinality"))
        return _call(tree.this, present(tree, "alias"), bool(tree.args.get("ordinality")))
    return None


def _unnest(tree: exp.Unnest) -> TableCall:
    """UNNEST, whose last column sqlglot takes from the alias when it has WITH ORDINALITY."""
    offset, alias = tree.args.get("offset"), present(tree, "alias")
    if isinstance(offset, exp.Expr) and alias is not None:
        columns = [*(alias.args.get("columns") or []), offset]
        alias = exp.TableAlias(this=alias.this, columns=columns)
    return TableCall("unnest", tuple(tree.expressions), alias, bool(offset))


def call_in_expression(tree: exp.Expr) -> TableCall | None:
    """The call of a table function in an expression; None for another expression."""
    if isinstance(
        tree, exp.GenerateSeries | exp.ExplodingGenerateSeries | exp.Unnest | exp.Explode
    ):
        return _call(tree, None)
    if isinstance(tree, exp.Anonymous) and tree.name.lower() in TABLE_FUNCTIONS:
        return _call(tree, None)
    return None


def _call(function: exp.Expr, alias: exp.Expr | None, ordinality: bool = False) -> TableCall:
    if isinstance(function, exp.GenerateSeries | exp.ExplodingGenerateSeries):
        parts = (present(function, part) for part in ("start", "end", "step"))
        arguments = tuple(part for part in parts if part is not None)
        return TableCall("generate_series", arguments, alias, ordinality)
    if isinstance(function, exp.Unnest | exp.Explode):
        first = present(function, "this")
        arguments = tuple(function.expressions) if first is None else (first, *function.expressions)
        return TableCall("unnest", arguments, alias, ordinality)
    if isinstance(function, exp.Anonymous):
        name = function.name.lower()
        return TableCall(name, tuple(function.expressions), alias, ordinality)
    raise not_supported(f"{type(function).__name__} in FROM")
