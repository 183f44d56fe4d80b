"""Table functions as PostgreSQL has them: several in one SELECT list, of arrays and of keywords."""

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
        each.replace(_named(item, each, "unnest"))
    for each in series:
        each.replace(_named(_NUMBER.copy(), each, "generate_subscripts"))
    alias = _alias("mz_subscripts", "mz_subscript")
    if select.args.get("from_") is None:
        return select.from_(exp.Table(this=call, alias=alias), copy=False)
    return select.join(exp.Lateral(this=call, alias=alias), join_type="cross", copy=False)


def _named(expression: exp.Expr, like: exp.Expr, otherwise: str) -> exp.Expr:
    """The expression under the name that `like` has in its SELECT list."""
    alias = like.args.get("alias") if isinstance(like, exp.Alias) else None
    return exp.alias_(expression, exp.to_identifier(otherwise) if alias is None else alias.copy())


def with_subscripts(unnest: exp.Unnest) -> exp.Expr:
    """`FROM unnest(a, b) WITH ORDINALITY AS x (..)` as a subquery over the subscripts."""
    arrays, alias = unnest.expressions, unnest.args.get("alias")
    if len(arrays) < 2 or alias is None:
        return unnest
    columns: list[exp.Expr] = [
        exp.Bracket(this=exp.paren(array.copy()), expressions=[_NUMBER.copy()]) for array in arrays
    ]
    if unnest.args.get("offset"):
        columns.append(_NUMBER.copy())
        if isinstance(unnest.args["offset"], exp.Identifier):
            alias.append("columns", unnest.args["offset"].copy())
    series = exp.Table(this=_subscripts(arrays), alias=_alias("mz_subscripts", "mz_subscript"))
    rows = exp.Subquery(this=exp.Select(expressions=columns).from_(series))
    return exp.Lateral(this=rows, alias=alias.copy())


def without_expanded_arrays(tree: exp.Expr) -> None:
    """Replace `_pg_expandarray`, whose result has the fields `x` (item) and `n` (subscript)."""
    for field in list(tree.find_all(exp.Dot)):
        value = field.this.this if isinstance(field.this, exp.Paren) else None
        if value is not None and (array := _expanded(value)) is not None:
            one = exp.Literal.number(1)
            subscripts = exp.Anonymous(this="generate_subscripts", expressions=[array, one])
            field.replace(subscripts if field.name == "n" else exp.Explode(this=array))
        elif isinstance(value, exp.Column):
            field.replace(value.copy())
    for call in list(tree.find_all(exp.Dot)):
        if (array := _expanded(call)) is not None:
            call.replace(exp.Explode(this=array))


def _expanded(call: exp.Expr) -> exp.Expr | None:
    """The array of `information_schema._pg_expandarray(array)`; None for anything else."""
    inner = call.expression if isinstance(call, exp.Dot) else call
    if isinstance(inner, exp.Anonymous) and inner.name.lower() == "_pg_expandarray":
        return cast(exp.Expr, inner.expressions[0].copy())
    return None


def with_rows_of_function(table: exp.Table) -> exp.Expr:
    """`FROM f(..)` of a function that is none of tables, as a subquery of one row."""
    call, alias = table.this, table.args.get("alias")
    name = call.name.lower() if isinstance(call, exp.Anonymous) else ""
    if name == "pg_get_keywords":
        rows: exp.Query = _keywords()
        alias = alias or _alias(name)
    elif name in _ARRAY_FUNCTIONS:
        alias = alias or _alias(name)
        rows = exp.Select(expressions=[exp.alias_(call.copy(), alias.name)])
    else:
        return table
    return exp.Subquery(this=rows, alias=alias.copy())


_ARRAY_FUNCTIONS = {"string_to_array", "regexp_split_to_array"}


def _keywords() -> exp.Select:
    """The reserved words of PostgreSQL, with its columns."""
    rows = [
        exp.Tuple(expressions=[exp.Literal.string(text) for text in (word, "R", "reserved")])
        for word in _RESERVED.split()
    ]
    values = exp.Values(expressions=rows, alias=_alias("mz_words", "word", "catcode", "catdesc"))
    return exp.Select(expressions=[exp.Star()]).from_(values)


_RESERVED = """
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
create current_catalog current_date current_role current_time current_timestamp current_user default
deferrable desc distinct do else end except false fetch for foreign from grant group having in
initially intersect into lateral leading limit localtime localtimestamp not null offset on only or
order placing primary references returning select session_user some symmetric table then to trailing
true union unique user using variadic when where window with
"""


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
        outer.append(_named(column, each, each.name or "unnest"))
    rows = exp.Subquery(this=select.copy(), alias=_alias("mz_arrays", *names))
    return exp.Select(expressions=outer).from_(rows)


def _alias(table: str, *columns: str) -> exp.TableAlias:
    return exp.TableAlias(
        this=exp.to_identifier(table), columns=[exp.to_identifier(name) for name in columns]
    )
