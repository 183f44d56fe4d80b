"""Recognises calls of aggregate functions, and takes them apart."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from engine.errors import SqlError, not_supported

_CLASSES: dict[type[exp.Expr], str] = {
    exp.Count: "count",
    exp.Sum: "sum",
    exp.Avg: "avg",
    exp.Min: "min",
    exp.Max: "max",
    exp.LogicalAnd: "bool_and",
    exp.LogicalOr: "bool_or",
    exp.GroupConcat: "string_agg",
    exp.ArrayAgg: "array_agg",
}
_NAMES = {
    "every",
    "bool_and",
    "bool_or",
    "string_agg",
    "array_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "variance",
    "var_samp",
    "var_pop",
}


def aggregate_name(tree: exp.Expr) -> str | None:
    """The name of the aggregate function that the tree calls, or None."""
    if isinstance(tree, exp.Filter):
        return aggregate_name(tree.this)
    name = _CLASSES.get(type(tree))
    if name is not None:
        return name
    if isinstance(tree, exp.Anonymous) and tree.name.lower() in _NAMES:
        return tree.name.lower()
    if isinstance(tree, exp.WithinGroup):
        return aggregate_name(tree.this)
    if isinstance(tree, exp.AggFunc):
        return tree.sql_name().lower()
    return None


@dataclass(frozen=True)
class Call:
    """`name([DISTINCT] arguments [ORDER BY order]) [FILTER (WHERE accepts)]`."""

    name: str
    arguments: tuple[exp.Expr, ...]
    distinct: bool
    order: tuple[exp.Ordered, ...]
    accepts: exp.Expr | None


def read_call(tree: exp.Expr) -> Call:
    """Take an aggregate call apart; raises SqlError for forms that are not supported."""
    accepts: exp.Expr | None = None
    if isinstance(tree, exp.Filter):
        accepts, tree = tree.expression.this, tree.this
    name = aggregate_name(tree)
    assert name is not None
    if type(tree) not in _CLASSES and not isinstance(tree, exp.Anonymous):
        raise not_supported(f"the aggregate function {name}")
    first = [] if isinstance(tree, exp.Anonymous) or tree.this is None else [tree.this]
    inner = [*first, *tree.expressions]
    separator = tree.args.get("separator")
    order: tuple[exp.Ordered, ...] = ()
    last = inner[-1] if inner else None
    if isinstance(last, exp.Order):
        order = tuple(last.expressions)
        inner[-1:] = [last.this] if last.this is not None else []
    distinct = bool(inner) and isinstance(inner[0], exp.Distinct)
    if distinct:
        inner = [*inner[0].expressions, *inner[1:]]
    arguments = inner if separator is None else [*inner, separator]
    if name == "count" and len(arguments) == 1 and isinstance(arguments[0], exp.Star):
        if distinct:
            raise SqlError("DISTINCT * is not allowed in an aggregate", "42601")
        arguments = []
    elif name == "count" and not arguments:
        raise SqlError("count(*) must be used to call a parameterless aggregate function", "42809")
    if len(arguments) > 1 and name == "count":
        raise not_supported(
            "count of several columns", "count the rows of a subquery with SELECT DISTINCT"
        )
    return Call(name, tuple(arguments), distinct, order, accepts)
