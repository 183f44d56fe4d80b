"""ORDER BY, LIMIT, OFFSET and FETCH FIRST."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.binder import Binder, Bound
from engine.query.bind.names import Names, name_of
from engine.query.bind.stage import Stage
from engine.query.bind.trees import only, present
from engine.query.plan import UNIT, SortKey
from engine.scalar import Scalar, compile_value
from engine.types import INT8


def sort_keys(
    ordered: Iterable[exp.Expr], column_of: Callable[[exp.Expr], int]
) -> tuple[SortKey, ...]:
    """The keys of an ORDER BY list; `column_of` finds the column of an item."""
    return tuple(
        SortKey(
            column_of(item.this),
            bool(item.args.get("desc")),
            bool(item.args.get("nulls_first")),
        )
        for item in ordered
    )


def ordinal(tree: exp.Literal, count: int, clause: str) -> int:
    """The index of the output column that a number in ORDER BY or GROUP BY means."""
    text = str(tree.this)
    if not text.isdigit():
        raise SqlError(f"non-integer constant in {clause}", "42601")
    if not 1 <= int(text) <= count:
        raise SqlError(f"{clause} position {text} is not in select list", "42P10")
    return int(text) - 1


def ordered(binder: Binder, tree: exp.Expr, bound: Bound) -> Bound:
    """Apply a query's ORDER BY of output columns, its LIMIT and its OFFSET."""
    order = present(tree, "order")
    items = order.expressions if order is not None else ()
    keys = sort_keys(items, lambda item: _output_column(bound, item))
    limit, offset = bind_limits(binder, tree)
    return Bound(bound.plan, bound.columns, keys, limit, offset)


def _output_column(bound: Bound, tree: exp.Expr) -> int:
    if isinstance(tree, exp.Literal) and not tree.is_string:
        return ordinal(tree, len(bound.columns), "ORDER BY")
    name = name_of(tree.this) if isinstance(tree, exp.Column) and len(tree.parts) == 1 else ""
    places = [at for at, column in enumerate(bound.columns) if column.name == name]
    if not places:
        raise not_supported(
            "ORDER BY of anything but an output column here",
            "name an output column or its number, or put the query into FROM",
        )
    if len(places) > 1:
        raise SqlError(f'ORDER BY "{name}" is ambiguous', "42702")
    return places[0]


def bind_limits(binder: Binder, query: exp.Expr) -> tuple[Scalar | None, Scalar | None]:
    """LIMIT and OFFSET as expressions of constants and parameters; None where there is none."""
    limit = present(query, "limit")
    offset = present(query, "offset")
    return (
        None if limit is None else _count(binder, _limit_tree(limit), "LIMIT"),
        None if offset is None else _count(binder, offset.expression, "OFFSET"),
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


def _count(binder: Binder, tree: exp.Expr, clause: str) -> Scalar | None:
    if isinstance(tree, exp.Null) or (isinstance(tree, exp.Var) and tree.name.upper() == "ALL"):
        return None
    stage = Stage(binder, UNIT, Names(), {})
    scalar = stage.coerce(stage.scalar(tree, keep_unknown=True), INT8, f"argument of {clause}")
    if stage.plan is not UNIT or not scalar.is_constant:
        raise not_supported(f"{clause} other than a number or a parameter")
    if scalar.parameters or scalar.session_functions:
        return scalar
    value = compile_value(scalar)(())
    if value is not None and value < 0:
        raise SqlError(f"{clause} must not be negative", "2201W" if clause == "LIMIT" else "2201X")
    return None if value is None else Scalar.constant(value, INT8)
