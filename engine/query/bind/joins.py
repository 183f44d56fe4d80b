"""JOIN: pairs of rows under ON, USING or NATURAL, and the names of both sides' columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.bind.binder import Binder, Surroundings
from engine.query.bind.conditions import keep_where
from engine.query.bind.names import Named, Names, name_of, numbered
from engine.query.bind.stage import Stage
from engine.query.bind.trees import present
from engine.query.plan import Apply, Join, OuterJoin, Plan, Project
from engine.scalar import Scalar


@dataclass
class From:
    """The rows of FROM so far, and their names."""

    plan: Plan
    names: Names


class JoinBinder:
    """Joins rows that are bound already."""

    def __init__(self, binder: Binder, around: Surroundings) -> None:
        self._binder = binder
        self._around = around

    def pair(self, left: From, right: From, *, lateral: bool) -> From:
        """Each row of one side with each row of the other."""
        plan = Apply(left.plan, right.plan, "inner") if lateral else Join(left.plan, right.plan, ())
        return From(plan, self._names(left, right))

    def _names(self, left: From, right: From) -> Names:
        twice = set(left.names.tables) & set(right.names.tables)
        if twice:
            raise SqlError(f'table name "{min(twice)}" specified more than once', "42712")
        return Names(
            [*left.names.columns, *right.names.moved(left.plan.width)],
            self._around.outside,
            [*left.names.tables, *right.names.tables],
        )

    def join(self, left: From, right: From, join: exp.Join, *, lateral: bool) -> From:
        """The rows of `left JOIN right`; raises SqlError."""
        side = join_side(join)
        if lateral and side in ("RIGHT", "FULL"):
            raise SqlError(f"LATERAL cannot be on the inner side of a {side} JOIN", "42P10")
        using = _using_columns(left, right, join)
        condition = _condition(left, right, using, join)
        if side:
            result = self._outer_join(left, right, side, condition, lateral=lateral)
        else:
            result = self._inner_join(left, right, condition, lateral=lateral)
        if not using:
            return result
        alias = name_of(join.args.get("alias"))
        return self._merged(result, using, left.plan.width, side, alias)

    def _inner_join(
        self, left: From, right: From, condition: exp.Expr | None, *, lateral: bool
    ) -> From:
        both = self.pair(left, right, lateral=lateral)
        if condition is None:
            return both
        stage = Stage(self._binder, both.plan, both.names, self._around.tables)
        width = stage.plan.width
        keep_where(stage, condition, "JOIN/ON")
        plan = stage.plan
        plan = plan if plan.width == width else Project(plan, plan.columns(0, width))
        return From(plan, both.names)

    def _outer_join(
        self, left: From, right: From, side: str, condition: exp.Expr | None, *, lateral: bool
    ) -> From:
        names = self._names(left, right)
        both = Join(left.plan, right.plan)
        stage = Stage(self._binder, both, names, self._around.tables)
        on = stage.predicate(condition or exp.Boolean(this=True), "JOIN/ON")
        if stage.plan is not both:
            raise not_supported(f"a subquery in the condition of a {side} JOIN")
        if lateral:
            return From(Apply(left.plan, right.plan, "left", on), names)
        if side == "LEFT":
            return From(OuterJoin(left.plan, right.plan, "left", on), names)
        kind = OuterJoin(left.plan, right.plan, "right" if side == "RIGHT" else "full", on)
        return From(kind, names)

    def _merged(self, both: From, using: list[str], boundary: int, side: str, alias: str) -> From:
        """Put USING's columns first, once; each table's own columns need the table's name.

        The merged columns are the table `alias` as well, if it is not "".
        """
        stage = Stage(self._binder, both.plan, both.names, self._around.tables)
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
        tables = list(both.names.tables)
        if alias:
            if alias in tables:
                raise SqlError(f'table name "{alias}" specified more than once', "42712")
            tables.append(alias)
            others += [replace(column, table=alias, hidden=True) for column in merged]
        return From(plan, Names([*merged, *others], both.names.parent, tables))


def is_comma(join: exp.Join) -> bool:
    """Whether the tree is a comma in FROM, which sqlglot parses as a join."""
    return not any(join.args.get(part) for part in ("side", "kind", "on", "using", "method"))


def join_side(join: exp.Join) -> str:
    """LEFT, RIGHT or FULL; "" for an inner join. Raises SqlError for other kinds."""
    side, kind = str(join.side), str(join.kind)
    if kind not in ("", "INNER", "OUTER", "CROSS") or side not in ("", "LEFT", "RIGHT", "FULL"):
        raise not_supported(f"{' '.join(part for part in (side, kind) if part)} JOIN")
    return side


def _using_columns(left: From, right: From, join: exp.Join) -> list[str]:
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


def _condition(left: From, right: From, using: list[str], join: exp.Join) -> exp.Expr | None:
    """The condition of the join; None for all pairs."""
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
