"""Several table functions in one SELECT list, which PostgreSQL runs in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlglot import exp

_NUMBER = exp.column("mz_subscript", "mz_subscripts")
_KEPT_OUTSIDE = ("distinct", "order", "limit", "offset")


def with_one_table_function(select: exp.Select) -> exp.Select:
    """`SELECT unnest(a), generate_subscripts(a, 1)` with the subscripts in FROM, and `a[..]`."""
    series = [e for e in select.expressions if isinstance(e.unalias(), exp.ExplodingGenerateSeries)]
    unnested = [e for e in select.expressions if isinstance(e.unalias(), exp.Unnest | exp.Explode)]
    if len(series) > 1 or not unnested or len(series) + len(unnested) < 2:
        return select
    arrays = [_array(each.unalias()) for each in unnested]
    if any(array.find(exp.Query) for array in arrays):
        if any(map(select.args.get, _KEPT_OUTSIDE)):
            return select
        return with_one_table_function(_with_arrays_below(select))
    call = series[0].unalias().copy() if series else _subscripts(arrays)
    for each, array in zip(unnested, arrays, strict=True):
        item = exp.Bracket(this=exp.paren(array), expressions=[_NUMBER.copy()])
        each.replace(exp.alias_(item, each.alias or "unnest", quoted=True))
    for each in series:
        each.replace(exp.alias_(_NUMBER.copy(), each.alias or "generate_subscripts", quoted=True))
    alias = _alias("mz_subscripts", "mz_subscript")
    if select.args.get("from_") is None:
        return select.from_(exp.Table(this=call, alias=alias), copy=False)
    return select.join(exp.Lateral(this=call, alias=alias), join_type="cross", copy=False)


def _array(call: exp.Expr) -> exp.Expr:
    array = call.this if isinstance(call, exp.Explode) else call.expressions[0]
    return cast(exp.Expr, array.copy())


def _subscripts(arrays: Sequence[exp.Expr]) -> exp.Expr:
    """The subscripts of the longest array."""
    lengths = [exp.Anonymous(this="cardinality", expressions=[array.copy()]) for array in arrays]
    longest = exp.Greatest(this=lengths[0], expressions=lengths[1:])
    return exp.ExplodingGenerateSeries(start=exp.Literal.number(1), end=longest)


def _with_arrays_below(select: exp.Select) -> exp.Select:
    """The same table functions over a subquery that computes their arrays and all else."""
    names = [f"mz_column{number}" for number in range(len(select.expressions))]
    outer: list[exp.Expr] = []
    for name, each in zip(names, list(select.expressions), strict=True):
        column: exp.Expr = exp.column(name, "mz_arrays")
        call = each.unalias()
        if isinstance(call, exp.Unnest | exp.Explode):
            column = exp.Explode(this=column)
            call.replace(_array(call))
        outer.append(exp.alias_(column, each.alias_or_name or "unnest", quoted=True))
    rows = exp.Subquery(this=select.copy(), alias=_alias("mz_arrays", *names))
    return exp.Select(expressions=outer).from_(rows)


def _alias(table: str, *columns: str) -> exp.TableAlias:
    return exp.TableAlias(
        this=exp.to_identifier(table), columns=[exp.to_identifier(name) for name in columns]
    )
