"""Queries of every form: SELECT, VALUES, set operations, and the WITH before them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.clauses import only, present, refuse
from engine.query.bind.context import KEEP, Bound, Context, Surroundings, Wanted, decided
from engine.query.bind.limits import bind_limits
from engine.query.bind.select import bind_select, ordinal
from engine.query.bind.stage import Stage
from engine.query.bind.tables import renamed
from engine.query.names import Names, name_of
from engine.query.plan import (
    UNIT,
    Distinct,
    Negate,
    Plan,
    Project,
    SortKey,
    Threshold,
    Union,
    Values,
)
from engine.relation import Column
from engine.scalar import Scalar, coerce, common_type
from engine.types import UNKNOWN, SqlType

_SET_CLAUSES = (*("this", "expression", "distinct", "order", "limit", "offset", "with_"),)
_WRAPPED_CLAUSES = ("this", "order", "limit", "offset", "with_", "alias")


def bind_query(
    context: Context, tree: exp.Expr, around: Surroundings, wanted: Wanted = None
) -> Bound:
    """Bind a query that stands in these surroundings; raises SqlError."""
    return _bind(context, tree, around, wanted)


def _bind(context: Context, tree: exp.Expr, around: Surroundings, wanted: Wanted) -> Bound:
    around = _with_tables(context, tree, around)
    tree = _without_select(tree)
    if isinstance(tree, exp.Select):
        return bind_select(context, tree, around, wanted)
    if isinstance(tree, exp.Values):
        return _values(context, tree, around, wanted)
    if isinstance(tree, exp.SetOperation):
        return _set_operation(context, tree, around, wanted)
    if isinstance(tree, exp.Subquery):
        only(tree, _WRAPPED_CLAUSES)
        inner = _bind(context, tree.this, around, wanted)
        if any(tree.args.get(clause) for clause in ("order", "limit", "offset")):
            return _ordered(context, tree, Bound(inner.as_table(), inner.columns))
        return inner
    raise refuse(tree)


def _without_select(tree: exp.Expr) -> exp.Expr:
    """VALUES on its own, for which sqlglot gives SELECT * FROM VALUES; other trees as they are."""
    source = present(tree, "from_")
    if not isinstance(tree, exp.Select) or source is None or tree.expressions != [exp.Star()]:
        return tree
    values = source.this
    plain = all(name in ("expressions", "from_", "with_") for name, v in tree.args.items() if v)
    alias = values.args.get("alias")
    columns = [] if alias is None else alias.args.get("columns") or []
    own_names = [name_of(column) for column in columns] == [
        f"column{at}" for at in range(1, len(columns) + 1)
    ]
    return values if plain and own_names and isinstance(values, exp.Values) else tree


def _with_tables(context: Context, tree: exp.Expr, around: Surroundings) -> Surroundings:
    """The surroundings with what the query's WITH adds."""
    clause = present(tree, "with_")
    if clause is None:
        return around
    if clause.args.get("recursive"):
        raise not_supported("WITH RECURSIVE")
    tables = dict(around.tables)
    for table in clause.expressions:
        alias = table.args["alias"]
        name = name_of(alias.this)
        inside = Surroundings(around.outside, tables)
        bound = bind_query(context, table.this, inside)
        columns = renamed(bound.columns, alias, name)
        tables = {**tables, name: Bound(bound.as_table(), columns)}
    return replace(around, tables=tables)


def _values(context: Context, tree: exp.Values, around: Surroundings, wanted: Wanted) -> Bound:
    only(tree, ("expressions", "order", "limit", "offset", "with_", "alias"))
    stage = Stage(context, UNIT, Names(parent=around.outside), around.tables)
    rows: list[list[Scalar]] = []
    for row in tree.expressions:
        items = row.expressions if isinstance(row, exp.Tuple) else [row]
        rows.append([stage.scalar(item, keep_unknown=True) for item in items])
    if len({len(row) for row in rows}) > 1:
        raise SqlError("VALUES lists must all be the same length", "42601")
    types = decided(_column_types(rows, "VALUES"), wanted)
    converted = tuple(
        tuple(stage.coerce(s, t, "VALUES") for s, t in zip(row, types, strict=True)) for row in rows
    )
    columns = tuple(Column(f"column{at}", type_) for at, type_ in enumerate(types, start=1))
    plan: Plan
    if stage.plan is UNIT and all(scalar.is_constant for row in converted for scalar in row):
        plan = Values(converted, tuple(types))
    else:
        plan = Union(tuple(Project(stage.plan, row) for row in converted))
    return _ordered(context, tree, Bound(plan, columns))


def _column_types(rows: list[list[Scalar]], what: str) -> list[SqlType]:
    columns = zip(*rows, strict=True)
    return [_common([scalar.type for scalar in column], what) for column in columns]


def _common(types: Sequence[SqlType], what: str) -> SqlType:
    """The type to which all can be converted; unknown if all are."""
    return UNKNOWN if set(types) == {UNKNOWN} else common_type(types, what)


def _set_operation(
    context: Context, tree: exp.SetOperation, around: Surroundings, wanted: Wanted
) -> Bound:
    """Bind all operands of the tree, and convert them to the types that they share."""
    leaves = [_bind(context, leaf, around, KEEP).columns for leaf in _operands(tree)]
    if len(set(map(len, leaves))) > 1:
        raise SqlError(f"each {_word(tree)} query must have the same number of columns", "42601")
    columns = zip(*leaves, strict=True)
    types = [_common([column.type for column in same], _word(tree)) for same in columns]
    return _combination(context, tree, around, decided(types, wanted))


def _combination(
    context: Context, tree: exp.SetOperation, around: Surroundings, types: Sequence[SqlType]
) -> Bound:
    """The set operation over operands that are converted to columns of these types."""
    only(tree, _SET_CLAUSES)
    left, right = (_operand(context, side, around, types) for side in (tree.this, tree.expression))
    plan = _combined(tree, left.as_table(), right.as_table())
    return _ordered(context, tree, Bound(plan, left.columns))


def _operand(
    context: Context, tree: exp.Expr, around: Surroundings, types: Sequence[SqlType]
) -> Bound:
    if isinstance(tree, exp.SetOperation) and not tree.args.get("with_"):
        return _combination(context, tree, around, types)
    return _converted(_bind(context, tree, around, types), types, "set operation")


def _operands(tree: exp.Expr) -> list[exp.Expr]:
    """The queries at the leaves of a tree of set operations."""
    inner = tree
    while isinstance(inner, exp.Subquery) and not inner.args.get("with_"):
        inner = inner.this
    if isinstance(inner, exp.SetOperation) and not inner.args.get("with_"):
        return [*_operands(inner.this), *_operands(inner.expression)]
    if isinstance(tree, exp.SetOperation):
        return [*_operands(tree.this), *_operands(tree.expression)]
    return [tree]


def _word(tree: exp.Expr) -> str:
    return type(tree).__name__.upper()


def _converted(bound: Bound, types: Sequence[SqlType], what: str) -> Bound:
    plan = bound.as_table()
    if plan.types != tuple(types):
        scalars = zip(plan.columns(), types, strict=True)
        plan = Project(plan, tuple(coerce(scalar, type_, what) for scalar, type_ in scalars))
    columns = zip(bound.columns, types, strict=True)
    return Bound(plan, tuple(Column(column.name, type_) for column, type_ in columns))


def _combined(tree: exp.SetOperation, left: Plan, right: Plan) -> Plan:
    """UNION is a sum, EXCEPT ALL the positive part of a difference, INTERSECT what it takes away.

    Without ALL, each side counts every row once.
    """
    distinct = bool(tree.args.get("distinct"))
    if isinstance(tree, exp.Union):
        both = Union((left, right))
        return Distinct(both) if distinct else both
    if distinct:
        left, right = Distinct(left), Distinct(right)
    rest = Threshold(Union((left, Negate(right))))
    if isinstance(tree, exp.Except):
        return rest
    if isinstance(tree, exp.Intersect):
        return Union((left, Negate(rest)))
    raise refuse(tree)


def _ordered(context: Context, tree: exp.Expr, bound: Bound) -> Bound:
    """The query with its own ORDER BY, which names output columns, LIMIT and OFFSET."""
    order = present(tree, "order")
    keys = tuple(
        SortKey(
            _output_column(bound, ordered.this),
            bool(ordered.args.get("desc")),
            bool(ordered.args.get("nulls_first")),
        )
        for ordered in (order.expressions if order is not None else ())
    )
    limit, offset = bind_limits(context, tree)
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
