"""SELECT: binds its clauses in the order in which they apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.aggregate_calls import aggregate_name
from engine.query.bind.binder import Binder, Bound, Surroundings, Wanted, decided
from engine.query.bind.conditions import keep_where
from engine.query.bind.grouping import GroupedStage
from engine.query.bind.names import name_of, numbered
from engine.query.bind.order import bind_limits, ordinal, sort_keys
from engine.query.bind.output_names import output_name
from engine.query.bind.stage import Stage
from engine.query.bind.table_calls import call_in_expression
from engine.query.bind.tables import bind_call_beside, bind_from
from engine.query.bind.trees import only, outermost, present
from engine.query.bind.windows import add_window
from engine.query.plan import Apply, Distinct, Plan, Project, SortKey, TopK
from engine.relation import Column
from engine.scalar import Scalar
from engine.types import INT8

_CLAUSES = (
    *("kind", "expressions", "from_", "joins", "where", "group", "having", "distinct"),
    *("order", "limit", "offset", "with_", "operation_modifiers", "hint"),
)


@dataclass(frozen=True)
class _Item:
    """An item of the SELECT list, after `*` was expanded."""

    tree: exp.Expr
    name: str
    alias: bool = False


def bind_select(binder: Binder, select: exp.Select, around: Surroundings, wanted: Wanted) -> Bound:
    """Bind a SELECT whose WITH was bound already; raises SqlError."""
    only(select, _CLAUSES)
    rows = bind_from(binder, select, around)
    stage = Stage(binder, rows.plan, rows.names, around.tables)
    where = present(select, "where")
    if where is not None:
        keep_where(stage, where.this, "WHERE")
    items = _items(stage, select.expressions)
    order = _order_trees(present(select, "order"), items)
    distinct_on = _distinct_on(select, items)
    stage = _grouped(stage, select, items, [ordered.this for ordered in order], distinct_on)
    having = present(select, "having")
    if having is not None:
        keep_where(stage, having.this, "HAVING")
    return _Output(binder, stage, select, items, order, distinct_on).bind(wanted)


def _items(stage: Stage, expressions: Sequence[exp.Expr]) -> list[_Item]:
    items: list[_Item] = []
    for tree in expressions:
        column = tree if isinstance(tree, exp.Column) else None
        if isinstance(tree, exp.Star) or (column is not None and isinstance(column.this, exp.Star)):
            star = tree if column is None else column.this
            only(star, ())
            table = "" if column is None else name_of(column.args.get("table"))
            for named in stage.names.star(table):
                items.append(_Item(named.numbered(), named.name))
        elif isinstance(tree, exp.Alias):
            items.append(_Item(tree.this, output_name(tree), alias=True))
        else:
            items.append(_Item(tree, output_name(tree)))
    return items


def _distinct_on(select: exp.Select, items: list[_Item]) -> list[exp.Expr] | None:
    """The expressions of DISTINCT ON; None if there is none."""
    distinct = present(select, "distinct")
    on = None if distinct is None else present(distinct, "on")
    if on is None:
        return None
    trees = on.expressions if isinstance(on, exp.Tuple) else [on]
    return [_output_reference(tree, items, "SELECT DISTINCT ON") for tree in trees]


def _order_trees(order: exp.Expr | None, items: list[_Item]) -> list[exp.Ordered]:
    if order is None:
        return []
    result = []
    for ordered in order.expressions:
        only(ordered, ("this", "desc", "nulls_first"))
        tree = _output_reference(ordered.this, items, "ORDER BY")
        result.append(
            exp.Ordered(
                this=tree.copy(),
                desc=ordered.args.get("desc"),
                nulls_first=ordered.args.get("nulls_first"),
            )
        )
    return result


def _output_reference(tree: exp.Expr, items: list[_Item], clause: str) -> exp.Expr:
    """The expression of an ORDER BY item: an output column by number or name, or the item."""
    if isinstance(tree, exp.Literal) and not tree.is_string:
        return items[ordinal(tree, len(items), clause)].tree
    if isinstance(tree, exp.Column) and len(tree.parts) == 1:
        name = name_of(tree.this)
        found = [item for item in items if item.name == name]
        if len({item.tree for item in found}) > 1:
            raise SqlError(f'{clause} "{name}" is ambiguous', "42702")
        if found:
            return found[0].tree
    return tree


def _grouped(
    stage: Stage,
    select: exp.Select,
    items: list[_Item],
    order: list[exp.Expr],
    distinct_on: list[exp.Expr] | None,
) -> Stage:
    """The stage after GROUP BY; the stage itself if the query does not aggregate."""
    group = present(select, "group")
    having = present(select, "having")
    trees = [item.tree for item in items] + order + (distinct_on or [])
    if having is not None:
        trees.append(having.this)
    if group is None and having is None and not any(map(_aggregates, trees)):
        return stage
    keys: list[exp.Expr] = []
    if group is not None:
        only(group, ("expressions", "all"))
        if group.args.get("all"):
            raise not_supported("GROUP BY ALL", "name the columns")
        trees_of_keys = (part for tree in group.expressions for part in _parts(tree))
        keys = [_group_key(stage, tree, items) for tree in trees_of_keys]
    return GroupedStage(stage, keys, trees)


def _aggregates(tree: exp.Expr) -> bool:
    """Whether the tree calls an aggregate function outside of subqueries."""
    return next(outermost(tree, lambda node: aggregate_name(node) is not None), None) is not None


def _parts(tree: exp.Expr) -> list[exp.Expr]:
    """The expressions of an item of GROUP BY, which may be a list in parentheses."""
    return list(tree.expressions) if isinstance(tree, exp.Tuple) else [tree]


def _group_key(stage: Stage, tree: exp.Expr, items: list[_Item]) -> exp.Expr:
    """The expression of a GROUP BY item: a column of FROM, else an output column, else the item."""
    if isinstance(tree, exp.Rollup | exp.Cube | exp.GroupingSets):
        raise not_supported(
            f"GROUP BY {type(tree).__name__.upper()}",
            "join a query for each grouping by UNION ALL",
        )
    if isinstance(tree, exp.Literal) and not tree.is_string:
        return items[ordinal(tree, len(items), "GROUP BY")].tree
    if isinstance(tree, exp.Column) and len(tree.parts) == 1:
        name = name_of(tree.this)
        if not stage.names.matching(name, ""):
            found = [item for item in items if item.alias and item.name == name]
            if found:
                return found[0].tree
    return tree


class _Output:
    """The SELECT list, DISTINCT, ORDER BY and LIMIT over the stage's rows."""

    def __init__(
        self,
        binder: Binder,
        stage: Stage,
        select: exp.Select,
        items: list[_Item],
        order: list[exp.Ordered],
        distinct_on: list[exp.Expr] | None,
    ) -> None:
        self._binder = binder
        self._stage = stage
        stage.add_window = add_window
        self._select = select
        self._order = order
        self._distinct_on = distinct_on
        self._names = [item.name for item in items]
        self._trees = [item.tree for item in items]
        self._call: exp.Expr | None = None
        self._scalars = [self._item(item.tree) for item in items]
        self._width = len(items)

    def _item(self, tree: exp.Expr) -> Scalar:
        """An item of the list; each row of a table function becomes a row, as in LATERAL."""
        call = call_in_expression(tree)
        if call is None:
            return self._stage.scalar(tree, keep_unknown=True)
        if self._call is not None:
            raise not_supported(
                "more than one table function in the SELECT list", "call them in FROM"
            )
        stage = self._stage
        table = bind_call_beside(stage, call)
        if len(table.columns) > 1:
            raise not_supported(f"{call.function} in the SELECT list", "call it in FROM")
        number = stage.plan.width
        stage.plan = Apply(stage.plan, table.plan, "inner")
        self._call = tree
        return stage.compile(numbered(number, call.function))

    def bind(self, wanted: Wanted) -> Bound:
        types = decided([scalar.type for scalar in self._scalars], wanted)
        self._scalars = [
            self._stage.coerce(scalar, type_, "SELECT")
            for scalar, type_ in zip(self._scalars, types, strict=True)
        ]
        order = sort_keys(self._order, self._place)
        on = [self._place(tree) for tree in self._distinct_on or []]
        plan: Plan = Project(self._stage.plan, tuple(self._scalars))
        if self._distinct_on is not None:
            plan = self._first_of_each(plan, tuple(on), order)
        elif self._select.args.get("distinct"):
            if len(self._scalars) > self._width:
                raise SqlError(
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list", "42P10"
                )
            plan = Distinct(plan)
        columns = tuple(Column(name, types[at]) for at, name in enumerate(self._names))
        limit, offset = bind_limits(self._binder, self._select)
        return Bound(plan, columns, order, limit, offset)

    def _place(self, tree: exp.Expr) -> int:
        """The column with the tree's value, added if no item of the list has it."""
        if tree in self._trees:
            return self._trees.index(tree)
        scalar: Scalar = self._stage.scalar(tree)
        if scalar not in self._scalars:
            self._scalars.append(scalar)
        return self._scalars.index(scalar)

    def _first_of_each(self, plan: Plan, on: tuple[int, ...], order: tuple[SortKey, ...]) -> Plan:
        leading = {key.column for key in order[: len(set(on))]}
        if order and not (leading <= set(on) and (leading == set(on) or len(order) < len(set(on)))):
            raise SqlError(
                "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", "42P10"
            )
        one = Scalar.constant(1, INT8)
        return TopK(plan, on, order, one, None)
