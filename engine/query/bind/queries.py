"""Queries of every form: SELECT, VALUES, set operations, and their WITH clauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.binder import (
    KEEP,
    Binder,
    Bound,
    CommonTable,
    Surroundings,
    Wanted,
    decided,
)
from engine.query.bind.names import Names, name_of
from engine.query.bind.order import ordered
from engine.query.bind.select import bind_select
from engine.query.bind.stage import Stage
from engine.query.bind.tables import renamed
from engine.query.bind.trees import only, present, refuse
from engine.query.plan import (
    UNIT,
    Distinct,
    Negate,
    Plan,
    Project,
    Threshold,
    Union,
    Values,
)
from engine.relation import Column
from engine.scalar import Scalar, coerce, common_type
from engine.types import UNKNOWN, SqlType

_SET_CLAUSES = (*("this", "expression", "distinct", "order", "limit", "offset", "with_"),)
_WRAPPED_CLAUSES = ("this", "order", "limit", "offset", "with_", "alias")


class QueryBinder(Binder):
    """Binds queries: chooses the function for each form."""

    def query(self, tree: exp.Expr, around: Surroundings, wanted: Wanted = None) -> Bound:
        around = _with_tables(self, tree, around)
        tree = _without_select(tree)
        if isinstance(tree, exp.Select):
            return bind_select(self, tree, around, wanted)
        if isinstance(tree, exp.Values):
            return _values(self, tree, around, wanted)
        if isinstance(tree, exp.SetOperation):
            return _set_operation(self, tree, around, wanted)
        if isinstance(tree, exp.Subquery):
            only(tree, _WRAPPED_CLAUSES)
            inner = self.query(tree.this, around, wanted)
            if any(tree.args.get(clause) for clause in ("order", "limit", "offset")):
                return ordered(self, tree, Bound(inner.as_table(), inner.columns))
            return inner
        raise refuse(tree)


def _without_select(tree: exp.Expr) -> exp.Expr:
    """VALUES on its own, which sqlglot parses as SELECT * FROM VALUES; other trees as they are."""
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


def _with_tables(binder: Binder, tree: exp.Expr, around: Surroundings) -> Surroundings:
    """The surroundings with the tables of the query's WITH."""
    clause = present(tree, "with_")
    if clause is None:
        return around
    if clause.args.get("recursive"):
        raise not_supported("WITH RECURSIVE")
    tables = dict(around.tables)
    defined: set[str] = set()
    for table in clause.expressions:
        alias = table.args["alias"]
        name = name_of(alias.this)
        if name in defined:
            raise SqlError(f'WITH query name "{name}" specified more than once', "42712")
        defined.add(name)
        inside = Surroundings(around.outside, tables)
        bound = binder.query(table.this, inside)
        columns = renamed(bound.columns, alias, name)
        common = CommonTable(Bound(bound.as_table(), columns), around.outside)
        tables = {**tables, name: common}
    return replace(around, tables=tables)


def _values(binder: Binder, tree: exp.Values, around: Surroundings, wanted: Wanted) -> Bound:
    only(tree, ("expressions", "order", "limit", "offset", "with_", "alias"))
    stage = Stage(binder, UNIT, Names(parent=around.outside), around.tables)
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
    return ordered(binder, tree, Bound(plan, columns))


def _column_types(rows: list[list[Scalar]], what: str) -> list[SqlType]:
    columns = zip(*rows, strict=True)
    return [_common([scalar.type for scalar in column], what) for column in columns]


def _common(types: Sequence[SqlType], what: str) -> SqlType:
    """The type to which all can be converted; unknown if all are unknown."""
    return UNKNOWN if set(types) == {UNKNOWN} else common_type(types, what)


def _set_operation(
    binder: Binder, tree: exp.SetOperation, around: Surroundings, wanted: Wanted
) -> Bound:
    """Bind all operands of the tree, and convert them to the types that they share."""
    leaves = {id(leaf): binder.query(leaf, around, KEEP) for leaf in _operands(tree)}
    columns = [bound.columns for bound in leaves.values()]
    if len(set(map(len, columns))) > 1:
        raise SqlError(f"each {_word(tree)} query must have the same number of columns", "42601")
    common = [
        _common([column.type for column in same], _word(tree))
        for same in zip(*columns, strict=True)
    ]
    types = decided(common, wanted)

    def bound_leaf(leaf: exp.Expr) -> Bound:
        bound = leaves[id(leaf)]
        if any(column.type is UNKNOWN for column in bound.columns):
            bound = binder.query(leaf, around, types)  # its literals get the shared types
        return _converted(bound, types, "set operation")

    def operand(side: exp.Expr) -> Bound:
        inner = _plain_operation(side)
        return bound_leaf(side) if inner is None else combined(inner)

    def combined(part: exp.SetOperation) -> Bound:
        only(part, _SET_CLAUSES)
        left, right = operand(part.this), operand(part.expression)
        plan = _combined(part, left.as_table(), right.as_table())
        return ordered(binder, part, Bound(plan, left.columns))

    return combined(tree)


def _operands(tree: exp.SetOperation) -> list[exp.Expr]:
    """The queries at the leaves of a tree of set operations."""
    found: list[exp.Expr] = []
    for side in (tree.this, tree.expression):
        inner = _plain_operation(side)
        found += [side] if inner is None else _operands(inner)
    return found


def _plain_operation(tree: exp.Expr) -> exp.SetOperation | None:
    """The set operation that the tree is, in parentheses or not, if these have no clauses."""
    while isinstance(tree, exp.Subquery) and not any(map(tree.args.get, _WRAPPED_CLAUSES[1:])):
        tree = tree.this
    return tree if isinstance(tree, exp.SetOperation) and not tree.args.get("with_") else None


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
    """UNION is a sum, EXCEPT ALL the positive part of a difference, INTERSECT what it removes.

    Without ALL, each side has every row once.
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
