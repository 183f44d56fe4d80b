"""The rows of FROM, and the conditions under which JOIN pairs them: ON, USING, NATURAL."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.clauses import present
from engine.query.names import Names, name_of, numbered
from engine.query.plan import Plan


@dataclass
class From:
    """The rows of FROM (so far) and their names."""

    plan: Plan
    names: Names


def using_columns(left: From, right: From, join: exp.Join) -> list[str]:
    """The columns of USING or of a NATURAL join; raises SqlError if one is not on both sides."""
    method = str(join.args.get("method") or "").upper()
    if method == "NATURAL":
        on_right = {column.name for column in right.names.columns}
        shared = [column.name for column in left.names.columns if column.name in on_right]
        names = list(dict.fromkeys(shared))
    elif method:
        raise not_supported(f"{method} JOIN")
    else:
        names = [name_of(part) for part in join.args.get("using") or []]
    for name in names:
        for side, where in ((left, "left"), (right, "right")):
            found = side.names.matching(name, "")
            if not found:
                raise SqlError(
                    f'column "{name}" specified in USING clause does not exist in {where} table',
                    "42703",
                )
            if len(found) > 1:
                raise SqlError(f'column reference "{name}" is ambiguous', "42702")
    return names


def join_condition(left: From, right: From, using: list[str], join: exp.Join) -> exp.Expr | None:
    """What the pairs must fulfil; None for all of them."""
    on = present(join, "on")
    if using:
        boundary = left.plan.width
        pairs = [
            exp.EQ(
                this=left.names.matching(name, "")[0].numbered(),
                expression=numbered(right.names.matching(name, "")[0].index + boundary, name),
            )
            for name in using
        ]
        return exp.and_(*pairs)
    if on is None and join.kind != "CROSS" and not join.args.get("method"):
        raise SqlError("expected ON or USING after JOIN", "42601")
    return on
