"""LIMIT, OFFSET and FETCH FIRST."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.clauses import only, present
from engine.query.bind.context import Context
from engine.query.bind.stage import Stage
from engine.query.names import Names
from engine.query.plan import UNIT
from engine.scalar import Scalar, compile_value
from engine.types import INT8


def bind_limits(context: Context, query: exp.Expr) -> tuple[Scalar | None, Scalar | None]:
    """LIMIT and OFFSET as expressions of constants and parameters; None where there is none."""
    limit = present(query, "limit")
    offset = present(query, "offset")
    return (
        None if limit is None else _count(context, _limit_tree(limit), "LIMIT"),
        None if offset is None else _count(context, offset.expression, "OFFSET"),
    )


def _limit_tree(limit: exp.Expr) -> exp.Expr:
    if isinstance(limit, exp.Fetch):
        options = present(limit, "limit_options")
        if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
            raise not_supported("FETCH FIRST with PERCENT or TIES")
        return present(limit, "count") or exp.Literal.number(1)
    only(limit, ("expression",))
    tree = present(limit, "expression")
    assert tree is not None
    return tree


def _count(context: Context, tree: exp.Expr, clause: str) -> Scalar | None:
    if isinstance(tree, exp.Null) or (isinstance(tree, exp.Var) and tree.name.upper() == "ALL"):
        return None
    stage = Stage(context, UNIT, Names(), {})
    scalar = stage.coerce(stage.scalar(tree, keep_unknown=True), INT8, f"argument of {clause}")
    if stage.plan is not UNIT or not scalar.is_constant:
        raise not_supported(f"{clause} other than a number or a parameter")
    if scalar.parameters or scalar.session_functions:
        return scalar
    value = compile_value(scalar)(())
    if value is not None and value < 0:
        raise SqlError(f"{clause} must not be negative", "2201W" if clause == "LIMIT" else "2201X")
    return None if value is None else Scalar.constant(value, INT8)
