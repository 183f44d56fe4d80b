"""FROM: tables, subqueries and table functions become a plan and the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.binder import Binder, Bound, Surroundings
from engine.query.bind.joins import From, JoinBinder, is_comma, join_side
from engine.query.bind.names import Names, name_of
from engine.query.bind.stage import Stage
from engine.query.bind.table_calls import TableCall, table_call
from engine.query.bind.trees import only, present, refuse
from engine.query.plan import OUTER, UNIT, FlatMap, Get
from engine.query.table_functions import find_table_function
from engine.relation import Column
from engine.scalar import Scalar
from engine.types import INT8

_TABLE_PARTS = ("this", "db", "catalog", "alias", "joins")
_JOIN_PARTS = ("this", "side", "kind", "on", "using", "method", "alias")


def bind_from(binder: Binder, select: exp.Select, around: Surroundings) -> From:
    """The rows of FROM; one row without columns if there is none."""
    source = present(select, "from_")
    joins = select.args.get("joins") or []
    if source is None:
        if joins:
            raise SqlError("expected FROM before JOIN", "42601")
        return From(UNIT, Names(parent=around.outside))
    return _FromBinder(binder, around).joined(source.this, joins)


class _FromBinder:
    def __init__(self, binder: Binder, around: Surroundings) -> None:
        self._binder = binder
        self._around = around
        self._joins = JoinBinder(binder, around)

    def joined(self, first: exp.Expr, joins: list[exp.Join]) -> From:
        """`first`, then each join in turn; a comma binds less than JOIN does."""
        lists: list[tuple[exp.Expr, list[exp.Join]]] = [(first, [])]
        for join in joins:
            only(join, _JOIN_PARTS)
            if is_comma(join):
                lists.append((join.this, []))
            else:
                lists[-1][1].append(join)
        result: From | None = None
        for table, inner in lists:
            result = self._list_item(result, table, inner)
        assert result is not None
        return result

    def _list_item(self, before: From | None, first: exp.Expr, joins: list[exp.Join]) -> From:
        """An item between two commas, joined to the items before it."""
        keeps_left = all(join_side(join) not in ("RIGHT", "FULL") for join in joins)
        if before is not None and not keeps_left:
            item = self._list_item(None, first, joins)
            return self._joins.pair(before, item, lateral=False)
        result = self._table(first, None) if before is None else self._beside(before, first)
        for join in joins:
            result = self._join(result, join)
        return result

    def _beside(self, left: From, table: exp.Expr) -> From:
        lateral = _is_lateral(table)
        right = self._table(table, left if lateral else None)
        return self._joins.pair(left, right, lateral=lateral)

    def _join(self, left: From, join: exp.Join) -> From:
        lateral = _is_lateral(join.this)
        right = self._table(join.this, left if lateral else None)
        return self._joins.join(left, right, join, lateral=lateral)

    def _table(self, tree: exp.Expr, left: From | None) -> From:
        """One table expression; a lateral one may read the rows of `left`."""
        call = table_call(tree)
        if call is not None:
            return self._function(call, left)
        if isinstance(tree, exp.Lateral):
            only(tree, ("this", "alias"))
            return self._subquery(tree.this, tree, left)
        if isinstance(tree, exp.Subquery):
            return self._parenthesised(tree)
        if isinstance(tree, exp.Values):
            return self._subquery(exp.Values(expressions=tree.expressions), tree, None)
        if isinstance(tree, exp.Table):
            return self._named_table(tree)
        raise refuse(tree)

    def _function(self, call: TableCall, left: From | None) -> From:
        parent = self._around.outside if left is None else left.names
        stage = Stage(self._binder, UNIT, Names(parent=parent), self._around.tables)
        arguments = [stage.scalar(tree, keep_unknown=True) for tree in call.arguments]
        if stage.plan is not UNIT:
            raise not_supported(
                f"a subquery as argument of {call.function}", "join with the subquery first"
            )
        result = self._aliased(_called(call, arguments), call.alias, call.function)
        columns, (table,) = result.names.columns, result.names.tables
        if len(columns) == 1 and columns[0].name != table:
            extra = replace(columns[0], table="", name=table, extra=True)
            result.names.columns = [*columns, extra]
        return result

    def _parenthesised(self, tree: exp.Subquery) -> From:
        only(tree, ("this", "alias", "joins"))
        inner = tree.this
        joins = tree.args.get("joins") or []
        if joins and not tree.args.get("alias") and isinstance(inner, exp.Table | exp.Subquery):
            return self.joined(inner, joins)
        if isinstance(inner, exp.Table) or (
            isinstance(inner, exp.Subquery) and not tree.args.get("alias")
        ):
            if tree.args.get("alias"):
                raise not_supported("an alias of a join in parentheses")
            return self._table(inner, None)
        return self._with_joins(self._subquery(tree, tree, None), joins)

    def _with_joins(self, first: From, joins: list[exp.Join]) -> From:
        result = first
        for join in joins:
            only(join, _JOIN_PARTS)
            result = self._beside(result, join.this) if is_comma(join) else self._join(result, join)
        return result

    def _subquery(self, query: exp.Expr, aliased: exp.Expr, left: From | None) -> From:
        outside = self._around.outside if left is None else left.names
        bound = self._binder.query(query, Surroundings(outside, self._around.tables))
        return self._aliased(bound, present(aliased, "alias"), "")

    def _named_table(self, tree: exp.Table) -> From:
        only(tree, _TABLE_PARTS)
        parts = tuple(name_of(part) for part in tree.parts)
        known = self._around.tables.get(parts[0]) if len(parts) == 1 else None
        outside = self._around.outside
        bound = self._relation(parts) if known is None else known.seen_from(outside)
        first = self._aliased(bound, present(tree, "alias"), parts[-1])
        return self._with_joins(first, tree.args.get("joins") or [])

    def _relation(self, parts: tuple[str, ...]) -> Bound:
        relation = self._binder.resolver.resolve(parts)
        self._binder.depend_on(relation.id)
        if relation.definition is None:
            types = tuple(column.type for column in relation.columns)
            return Bound(Get(relation.id, relation.name, types), relation.columns)
        views = self._binder.views
        if relation.id not in views:
            # A plain view is inlined; it sees neither rows nor WITH names of the query.
            bound = self._binder.query(relation.definition, Surroundings())
            views[relation.id] = Bound(bound.as_table(), relation.columns)
        return views[relation.id]

    def _aliased(self, bound: Bound, alias: exp.Expr | None, name: str) -> From:
        columns = bound.columns
        if alias is not None:
            name = name_of(alias.this) if alias.this is not None else name
            columns = renamed(columns, alias, name)
        names = Names(parent=self._around.outside)
        names.add(name, columns, 0)
        return From(bound.as_table(), names)


def renamed(columns: tuple[Column, ...], alias: exp.Expr, table: str) -> tuple[Column, ...]:
    """Rename the columns that `AS t (a, b)` names; the others keep their names."""
    new = [name_of(part) for part in alias.args.get("columns") or []]
    if len(new) > len(columns):
        raise SqlError(
            f'table "{table}" has {len(columns)} columns available but {len(new)} columns '
            "specified",
            "42P10",
        )
    kept = columns[len(new) :]
    return (*(Column(n, c.type) for n, c in zip(new, columns, strict=False)), *kept)


def bind_call_beside(stage: Stage, call: TableCall) -> Bound:
    """The rows of a call in a SELECT list, as a subquery of the stage's rows."""
    arguments = [stage.scalar(tree, keep_unknown=True) for tree in call.arguments]
    outward = [scalar.moved({n: n + OUTER for n in scalar.columns}) for scalar in arguments]
    return _called(call, outward)


def _called(call: TableCall, arguments: Sequence[Scalar]) -> Bound:
    found = find_table_function(call.function, arguments)
    columns = tuple(Column(name, type_) for name, type_ in found.columns)
    named_alike = columns[0].name == call.function
    if named_alike and call.alias is not None and call.alias.this is not None:
        columns = (Column(name_of(call.alias.this), columns[0].type),)
    if call.ordinality:
        columns = (*columns, Column("ordinality", INT8))
    types = tuple(column.type for column in columns)
    plan = FlatMap(UNIT, found.name, found.arguments, types, call.ordinality)
    return Bound(plan, columns)


def _is_lateral(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Lateral) or table_call(tree) is not None
