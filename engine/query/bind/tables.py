"""FROM: tables, views, subqueries and joins become a plan and the names of its columns."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.calls import TableCall, table_call
from engine.query.bind.clauses import only, present, refuse
from engine.query.bind.conditions import keep_where
from engine.query.bind.context import Bound, Context, Surroundings
from engine.query.bind.join_conditions import From, join_condition, using_columns
from engine.query.bind.stage import Stage
from engine.query.bind.table_functions import bind_table_call
from engine.query.names import Named, Names, name_of
from engine.query.plan import (
    UNIT,
    Apply,
    Get,
    Join,
    OuterJoin,
    Plan,
    Project,
)
from engine.relation import Column, Relation
from engine.scalar import Scalar

_TABLE_PARTS = ("this", "db", "catalog", "alias", "joins")
_JOIN_PARTS = ("this", "side", "kind", "on", "using", "method")


def bind_from(context: Context, select: exp.Select, around: Surroundings) -> From:
    """The rows that FROM gives; one row without columns if there is none."""
    source = present(select, "from_")
    joins = select.args.get("joins") or []
    if source is None:
        if joins:
            raise SqlError("expected FROM before JOIN", "42601")
        return From(UNIT, Names(parent=around.outside))
    binder = _FromBinder(context, around)
    return binder.joined(source.this, joins)


class _FromBinder:
    def __init__(self, context: Context, around: Surroundings) -> None:
        self._context = context
        self._around = around

    def joined(self, first: exp.Expr, joins: list[exp.Join]) -> From:
        """`first`, then each join in turn; a comma binds less than JOIN does."""
        lists: list[tuple[exp.Expr, list[exp.Join]]] = [(first, [])]
        for join in joins:
            only(join, _JOIN_PARTS)
            if _is_comma(join):
                lists.append((join.this, []))
            else:
                lists[-1][1].append(join)
        result: From | None = None
        for table, inner in lists:
            result = self._list_item(result, table, inner)
        assert result is not None
        return result

    def _list_item(self, before: From | None, first: exp.Expr, joins: list[exp.Join]) -> From:
        """What stands between two commas, next to what stands before it."""
        keeps_left = all(join.side not in ("RIGHT", "FULL") for join in joins)
        if before is not None and not keeps_left:
            return self._pair(before, self._list_item(None, first, joins), lateral=False)
        result = self._table(first, None) if before is None else self._beside(before, first)
        for join in joins:
            result = self._join(result, join)
        return result

    def _beside(self, left: From, table: exp.Expr) -> From:
        lateral = _is_lateral(table)
        return self._pair(left, self._table(table, left if lateral else None), lateral=lateral)

    def _pair(self, left: From, right: From, *, lateral: bool) -> From:
        """Each row of the one with each row of the other."""
        plan = Apply(left.plan, right.plan, "inner") if lateral else Join(left.plan, right.plan, ())
        return From(plan, self._names_of_both(left, right))

    def _names_of_both(self, left: From, right: From) -> Names:
        twice = set(left.names.tables) & set(right.names.tables)
        if twice:
            raise SqlError(f'table name "{min(twice)}" specified more than once', "42712")
        return Names(
            [*left.names.columns, *right.names.moved(left.plan.width)],
            self._around.outside,
            [*left.names.tables, *right.names.tables],
        )

    def _join(self, left: From, join: exp.Join) -> From:
        side, kind = join.side, join.kind
        if kind not in ("", "INNER", "OUTER", "CROSS") or side not in ("", "LEFT", "RIGHT", "FULL"):
            raise not_supported(f"{' '.join(part for part in (side, kind) if part)} JOIN")
        lateral = _is_lateral(join.this)
        if lateral and side in ("RIGHT", "FULL"):
            raise SqlError(f"LATERAL cannot be on the inner side of a {side} JOIN", "42P10")
        right = self._table(join.this, left if lateral else None)
        using = using_columns(left, right, join)
        condition = join_condition(left, right, using, join)
        names = self._names_of_both(left, right)
        if side:
            plan = self._outer_join(left, right, names, side, condition, lateral=lateral)
        else:
            pair = self._pair(left, right, lateral=lateral)
            plan = pair.plan
            if condition is not None:
                stage = Stage(self._context, plan, names, self._around.tables)
                keep_where(stage, condition, "JOIN/ON")
                width = left.plan.width + right.plan.width
                plan = stage.plan
                plan = plan if plan.width == width else Project(plan, plan.columns(0, width))
        result = From(plan, names)
        return self._merged(result, using, left.plan.width, side) if using else result

    def _outer_join(
        self,
        left: From,
        right: From,
        names: Names,
        side: str,
        condition: exp.Expr | None,
        *,
        lateral: bool,
    ) -> Plan:
        both = Join(left.plan, right.plan)
        stage = Stage(self._context, both, names, self._around.tables)
        on = stage.predicate(condition or exp.Boolean(this=True), "JOIN/ON")
        if stage.plan is not both:
            raise not_supported(f"a subquery in the condition of a {side} JOIN")
        if lateral:
            return Apply(left.plan, right.plan, "left", on)
        if side == "LEFT":
            return OuterJoin(left.plan, right.plan, "left", on)
        return OuterJoin(left.plan, right.plan, "right" if side == "RIGHT" else "full", on)

    def _merged(self, both: From, using: list[str], boundary: int, side: str) -> From:
        """Let USING's columns stand first, once; each table's own stay reachable by its name."""
        stage = Stage(self._context, both.plan, both.names, self._around.tables)
        scalars: list[Scalar] = []
        merged: list[Named] = []
        for place, name in enumerate(using):
            halves = [column for column in both.names.columns if column.name == name]
            left = next(c for c in halves if c.index < boundary and not c.hidden)
            right = next(c for c in halves if c.index >= boundary and not c.hidden)
            halves_in_order = {"RIGHT": [right], "FULL": [left, right]}.get(side, [left])
            columns = [column.numbered() for column in halves_in_order]
            tree = (
                exp.Coalesce(this=columns[0], expressions=columns[1:])
                if len(columns) > 1
                else columns[0]
            )
            scalars.append(stage.compile(tree))
            merged.append(Named("", name, place, scalars[-1].type))
        width = len(using)
        others = [
            Named(c.table, c.name, c.index + width, c.type, c.hidden or c.name in using)
            for c in both.names.columns
            if c.table or c.name not in using
        ]
        plan = Project(both.plan, (*scalars, *both.plan.columns()))
        return From(plan, Names([*merged, *others], both.names.parent, both.names.tables))

    def _table(self, tree: exp.Expr, left: From | None) -> From:
        """One table expression; `left` is what it may read if it is lateral."""
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
        bound = bind_table_call(self._context, call, parent, self._around.tables)
        result = self._aliased(bound, call.alias, call.default_name)
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
        first = self._subquery(tree, tree, None)
        return first if not joins else self._with_joins(first, joins)

    def _with_joins(self, first: From, joins: list[exp.Join]) -> From:
        result = first
        for join in joins:
            only(join, _JOIN_PARTS)
            result = (
                self._beside(result, join.this) if _is_comma(join) else self._join(result, join)
            )
        return result

    def _subquery(self, query: exp.Expr, aliased: exp.Expr, left: From | None) -> From:
        from engine.query.bind.queries import bind_query

        outside = self._around.outside if left is None else left.names
        bound = bind_query(self._context, query, Surroundings(outside, self._around.tables))
        return self._aliased(bound, present(aliased, "alias"), "")

    def _named_table(self, tree: exp.Table) -> From:
        only(tree, _TABLE_PARTS)
        parts = tuple(name_of(part) for part in tree.parts)
        known = self._around.tables.get(parts[0]) if len(parts) == 1 else None
        bound = known if known is not None else self._relation(parts)
        first = self._aliased(bound, present(tree, "alias"), parts[-1])
        joins = tree.args.get("joins") or []
        return self._with_joins(first, joins) if joins else first

    def _relation(self, parts: tuple[str, ...]) -> Bound:
        relation = self._context.resolver.resolve(parts)
        self._context.depend_on(relation.id)
        if relation.definition is None:
            return Bound(_get(relation), relation.columns)
        return self._view(relation, relation.definition)

    def _view(self, relation: Relation, definition: exp.Query) -> Bound:
        """A plain view, inlined: its definition sees neither rows nor WITH names outside it."""
        from engine.query.bind.queries import bind_query

        bound = bind_query(self._context, definition, Surroundings())
        return Bound(bound.as_table(), relation.columns)

    def _aliased(self, bound: Bound, alias: exp.Expr | None, name: str) -> From:
        columns = bound.columns
        if alias is not None:
            name = name_of(alias.this) if alias.this is not None else name
            columns = renamed(columns, alias, name)
        names = Names(parent=self._around.outside)
        names.add(name, columns, 0)
        return From(bound.as_table(), names)


def renamed(columns: tuple[Column, ...], alias: exp.Expr, table: str) -> tuple[Column, ...]:
    """The columns under the names that `AS t (a, b)` gives, those that have one."""
    new = [name_of(part) for part in alias.args.get("columns") or []]
    if len(new) > len(columns):
        raise SqlError(
            f'table "{table}" has {len(columns)} columns available but {len(new)} columns '
            "specified",
            "42P10",
        )
    kept = columns[len(new) :]
    return (*(Column(n, c.type) for n, c in zip(new, columns, strict=False)), *kept)


def _get(relation: Relation) -> Get:
    types = tuple(column.type for column in relation.columns)
    return Get(relation.id, relation.name, types)


def _is_comma(join: exp.Join) -> bool:
    return not any(join.args.get(part) for part in ("side", "kind", "on", "using", "method"))


def _is_lateral(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Lateral) or table_call(tree) is not None
