"""Calls of window functions: recognises them, and takes them apart."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.aggregate_calls import aggregate_name, read_call
from engine.query.bind.trees import only, present

_RANKINGS: dict[type[exp.Expr], str] = {
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
}
_SHIFTS: dict[type[exp.Expr], str] = {exp.Lag: "lag", exp.Lead: "lead"}
_AGGREGATES = {"count", "sum", "avg", "min", "max"}


@dataclass(frozen=True)
class WindowCall:
    """`name(arguments) [FILTER ..] OVER (PARTITION BY partition ORDER BY order)`."""

    name: str
    arguments: tuple[exp.Expr, ...]
    accepts: exp.Expr | None
    partition: tuple[exp.Expr, ...]
    order: tuple[exp.Ordered, ...]
    offset: int = 0

    @property
    def is_aggregate(self) -> bool:
        return self.name in _AGGREGATES


def window_name(tree: exp.Window) -> str:
    """The function's name, for messages."""
    call = tree.this
    name = aggregate_name(call) or _RANKINGS.get(type(call)) or _SHIFTS.get(type(call))
    if name is None and isinstance(call, exp.Func):
        name = call.name if isinstance(call, exp.Anonymous) else call.sql_name()
    return (name or "function").lower()


def read_window(tree: exp.Window) -> WindowCall:
    """Take a call apart; raises SqlError for forms that are not supported."""
    name = window_name(tree)
    if tree.args.get("spec") is not None:
        raise not_supported(f"a frame clause (ROWS, RANGE or GROUPS) of {name}(..) OVER (..)")
    only(tree, ("this", "partition_by", "order", "over"))
    order = present(tree, "order")
    ordered = tuple(order.expressions) if order is not None else ()
    partition = tuple(tree.args.get("partition_by") or ())
    call = tree.this
    if type(call) in _RANKINGS:
        return WindowCall(name, (), None, partition, ordered)
    if type(call) in _SHIFTS:
        offset = _offset(present(call, "offset"), name)
        default = present(call, "default")
        arguments = (call.this,) if default is None else (call.this, default)
        return WindowCall(
            name, arguments, None, partition, ordered, -offset if name == "lag" else offset
        )
    if name not in _AGGREGATES:
        raise not_supported(
            f"the window function {name}(..) OVER (..)",
            "supported are row_number, rank, dense_rank, lag, lead, count, sum, avg, min and max",
        )
    read = read_call(call)
    if read.distinct or read.order:
        raise not_supported(f"DISTINCT or ORDER BY inside {name}(..) OVER (..)")
    return WindowCall(name, read.arguments, read.accepts, partition, ordered)


def _offset(tree: exp.Expr | None, name: str) -> int:
    if tree is None:
        return 1
    if isinstance(tree, exp.Literal) and not tree.is_string and str(tree.this).isdigit():
        return int(tree.this)
    raise SqlError(f"the offset of {name} must be a whole number", "22023")
