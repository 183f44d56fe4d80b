"""Names of output columns that no AS names: the names that PostgreSQL gives."""

from __future__ import annotations

from sqlglot import exp

from engine.query.bind.aggregate_calls import aggregate_name
from engine.query.bind.names import name_of
from engine.query.bind.table_calls import call_in_expression
from engine.query.bind.window_calls import window_name

UNNAMED = "?column?"


def output_name(tree: exp.Expr) -> str:
    """The name of an item of a SELECT list."""
    if isinstance(tree, exp.Alias):
        return name_of(tree.args["alias"])
    return _invented(tree) or UNNAMED


def _invented(tree: exp.Expr) -> str | None:
    if isinstance(tree, exp.Column):
        return name_of(tree.this)
    if isinstance(tree, exp.Paren | exp.Collate):
        return _invented(tree.this)
    if isinstance(tree, exp.Cast):
        inner = None if isinstance(tree.this, exp.Cast) else _invented(tree.this)
        return inner or _type_name(tree.to)
    if isinstance(tree, exp.Case):
        default = tree.args.get("default")
        return (_invented(default) if isinstance(default, exp.Column) else None) or "case"
    if isinstance(tree, exp.Window):
        return window_name(tree)
    if isinstance(tree, exp.Subquery):
        return _of_query(tree.this)
    for kind, name in _FIXED.items():
        if isinstance(tree, kind):
            return name
    call = call_in_expression(tree)
    if call is not None:
        return call.function
    aggregate = aggregate_name(tree)
    if aggregate is not None:
        return aggregate
    if isinstance(tree, exp.Anonymous):
        return tree.name.lower()
    return None


_FIXED: dict[type[exp.Expr], str] = {
    exp.Exists: "exists",
    exp.Coalesce: "coalesce",
    exp.Greatest: "greatest",
    exp.Least: "least",
    exp.Nullif: "nullif",
    exp.Array: "array",
    exp.Extract: "extract",
    exp.Substring: "substring",
    exp.Trim: "btrim",
    exp.Overlay: "overlay",
    exp.StrPosition: "position",
    exp.AtTimeZone: "timezone",
    exp.CurrentTimestamp: "current_timestamp",
    exp.CurrentDate: "current_date",
    exp.CurrentUser: "current_user",
}

_TYPE_NAMES = {
    "INT": "int4",
    "BIGINT": "int8",
    "SMALLINT": "int2",
    "DOUBLE": "float8",
    "FLOAT": "float4",
    "BOOLEAN": "bool",
    "DECIMAL": "numeric",
    "VARBINARY": "bytea",
    "CHAR": "bpchar",
}


def _type_name(type_: exp.DataType) -> str:
    word = str(type_.this.value if hasattr(type_.this, "value") else type_.this)
    return _TYPE_NAMES.get(word.upper(), word.lower())


def _of_query(query: exp.Expr) -> str | None:
    while isinstance(query, exp.Subquery):
        query = query.this
    if isinstance(query, exp.SetOperation):
        return _of_query(query.this)
    if isinstance(query, exp.Select) and len(query.expressions) == 1:
        return output_name(query.expressions[0])
    return None
