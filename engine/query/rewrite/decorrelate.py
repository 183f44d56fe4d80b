"""Unnests subqueries: a query that is evaluated for each outer row becomes joins.

`lowered(plan)` of a `_Lowering` gives a plan with the columns of `outside`, then the plan's own:
for each row of `outside`, the rows that the plan has for it. The subquery of an `Apply` is
evaluated once for all different values that it reads (a `Distinct`), and its result is joined back
by them; every operator in it works on all these values at once, an aggregate by grouping by them
as well. (Neumann and Kemper, Unnesting Arbitrary Queries, 2015.)

A plan that reads no outer row is lowered by itself, once for all its uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from engine.query.plan import (
    OUTER,
    UNIT,
    AggregateSpec,
    Apply,
    Distinct,
    Filter,
    FlatMap,
    Get,
    Join,
    JoinKey,
    Lookup,
    Negate,
    OuterJoin,
    Plan,
    Project,
    Reduce,
    SemiApply,
    SemiJoin,
    Temporal,
    Threshold,
    TopK,
    Union,
    Values,
    Window,
    can_fail,
    exactly_one,
    is_linear,
)
from engine.query.predicates import conjuncts
from engine.query.rewrite.existence import keyed
from engine.query.rewrite.outer_joins import equal_keys, nulls, outer_join, unmatched
from engine.scalar import Scalar
from engine.scalar.nodes import Case, Constant
from engine.types import BOOL


def decorrelate(plan: Plan) -> Plan:
    """Replace Apply, SemiApply and OuterJoin by other operators."""
    return _Lowering(UNIT, {}, None).lowered(plan)


class _Lowering:
    """Lowers plans next to the rows of `outside`.

    `places` maps the number of an outer column to its column in `outside`. `alone` lowers plans
    that read no outer row; None stands for the lowering itself. With `guarded`, nothing is
    evaluated that may fail unless `outside` has a row.
    """

    def __init__(
        self,
        outside: Plan,
        places: Mapping[int, int],
        alone: _Lowering | None,
        *,
        guarded: bool = False,
    ) -> None:
        self._outside = outside
        self._places = places
        self._alone = self if alone is None else alone
        self._shift = outside.width
        self._guarded = guarded
        self._done: dict[int, tuple[Plan, Plan]] = {}
        """Results by the identity of the plan; the plan itself keeps that identity taken."""

    def lowered(self, plan: Plan) -> Plan:
        done = self._done.get(id(plan))
        if done is None:
            done = self._done[id(plan)] = (plan, self._lowered(plan))
        return done[1]

    def _lowered(self, plan: Plan) -> Plan:
        if plan == UNIT:
            return self._outside
        if self._alone is not self and self._is_alone(plan):
            return Join(self._outside, self._alone.lowered(plan), (), self._guarded)
        match plan:
            case Get():
                return plan
            case Values():
                return self._values(plan)
            case Project():
                return Project(self.lowered(plan.input), self._kept(plan.scalars))
            case Filter():
                return Filter(self.lowered(plan.input), self._scalars(plan.predicates))
            case Temporal():
                bounds = tuple((relation, self._scalar(bound)) for relation, bound in plan.bounds)
                return Temporal(self.lowered(plan.input), bounds)
            case FlatMap():
                arguments = self._scalars(plan.arguments)
                return replace(plan, input=self.lowered(plan.input), arguments=arguments)
            case Distinct() | Threshold() | Negate():
                return replace(plan, input=self.lowered(plan.input))
            case Union():
                return Union(tuple(map(self.lowered, plan.parts)))
            case TopK():
                return self._topk(plan)
            case Reduce():
                return self._reduce(plan)
            case Window():
                places = {column: column + self._shift for column in range(plan.input.width)}
                moved = plan.moved(self.lowered(plan.input), places)
                return replace(moved, group=(*range(self._shift), *moved.group))
            case Join():
                return self._join(plan)
            case OuterJoin():
                return self._outer_join(plan)
            case SemiApply():
                rows = self.lowered(plan.input)
                partners, keys = self._partners(rows, plan.subquery, None)
                return SemiJoin(rows, partners, keys, plan.anti)
            case Apply():
                return self._apply(plan)
        raise AssertionError(f"the binder makes no {type(plan).__name__}")

    def _is_alone(self, plan: Plan) -> bool:
        """Whether the plan can be lowered by itself."""
        return not plan.outer_columns and not (self._guarded and can_fail(plan, "exists"))

    def _scalar(self, scalar: Scalar) -> Scalar:
        """An expression over the plan's columns, as one over `outside`'s and the plan's."""
        shift, places = self._shift, self._places
        return scalar.moved({n: places[n] if n >= OUTER else n + shift for n in scalar.columns})

    def _scalars(self, scalars: Iterable[Scalar]) -> tuple[Scalar, ...]:
        return tuple(map(self._scalar, scalars))

    def _kept(self, scalars: Iterable[Scalar]) -> tuple[Scalar, ...]:
        """The columns of `outside`, then the expressions."""
        return self._outside.columns() + self._scalars(scalars)

    def _values(self, plan: Values) -> Plan:
        if self._outside is UNIT:
            return plan
        rows = [Project(self._outside, self._kept(row)) for row in plan.rows]
        return rows[0] if len(rows) == 1 else Union(tuple(rows))

    def _group(self, columns: Iterable[int]) -> tuple[int, ...]:
        return (*range(self._shift), *(column + self._shift for column in columns))

    def _topk(self, plan: TopK) -> Plan:
        order = tuple(replace(key, column=key.column + self._shift) for key in plan.order)
        group = self._group(plan.group)
        return TopK(self.lowered(plan.input), group, order, plan.limit, plan.offset)

    def _reduce(self, plan: Reduce) -> Plan:
        places = {column: column + self._shift for column in range(plan.input.width)}
        aggregates = tuple(aggregate.moved(places) for aggregate in plan.aggregates)
        reduced = Reduce(self.lowered(plan.input), self._group(plan.group), aggregates)
        if plan.group or self._outside is UNIT:
            return reduced
        return Union((reduced, self._empty_groups(reduced, plan.aggregates)))

    def _empty_groups(self, reduced: Reduce, aggregates: tuple[AggregateSpec, ...]) -> Plan:
        """The result of an aggregate without GROUP BY for the outer rows that have no rows."""
        keys = equal_keys(self._outside.columns(), reduced.columns(0, self._shift))
        missing = SemiJoin(self._outside, reduced, keys, anti=True)
        nothing = tuple(
            Scalar.constant(0 if aggregate.function == "count" else None, aggregate.type)
            for aggregate in aggregates
        )
        return Project(missing, self._outside.columns() + nothing)

    def _join(self, plan: Join) -> Plan:
        """The join of both sides, each next to `outside`, with the columns of that once."""
        left, right = plan.left, plan.right
        if self._outside is UNIT:
            return Join(self.lowered(left), self.lowered(right), plan.keys)
        assert not plan.keys, "the binder makes joins without keys"
        one, other = (right, left) if self._is_alone(left) else (left, right)
        shift, width = self._shift, left.width
        first = self.lowered(one)
        if self._is_alone(other):
            both = Join(first, self._alone.lowered(other), (), self._guarded)
            if one is left:
                return both
            own = both.columns(first.width), both.columns(shift, first.width)
            return Project(both, self._outside.columns() + own[0] + own[1])
        second = self.lowered(other)
        shared = equal_keys(first.columns(0, shift), second.columns(0, shift))
        both = Join(first, second, shared, self._guarded)
        return Project(both, both.columns(0, shift + width) + both.columns(width + 2 * shift))

    def _outer_join(self, plan: OuterJoin) -> Plan:
        left, right = self.lowered(plan.left), self.lowered(plan.right)
        on = [self._scalar(predicate) for predicate in conjuncts((plan.on,))]
        return outer_join(plan, left, right, on, self._shift)

    def _partners(
        self, rows: Plan, subquery: Plan, when: Scalar | None
    ) -> tuple[Plan, tuple[JoinKey, ...]]:
        """A plan with a row for each row of the subquery, and the keys that join the rows to it.

        Rows for which `when` is not true may or may not be joined, but nothing fails for them.
        """
        direct = keyed(subquery)
        guarded = self._guarded or when is not None
        if direct is not None and not (guarded and can_fail(direct[0], "exists")):
            inner, pairs = direct
            keys = tuple(JoinKey(_only_if(when, self._within(a)), b) for a, b in pairs)
            return self._alone.lowered(inner), keys
        _, outcome, keys = self._evaluated(rows, subquery, when)
        return outcome, keys

    def _within(self, scalar: Scalar) -> Scalar:
        """An expression of a subquery that reads only outer rows, over the lowered input."""
        return scalar.moved({n: self._place(n) for n in scalar.columns})

    def _place(self, number: int) -> int:
        """The column of the lowered input of an Apply that its subquery knows as `number`."""
        inward = number - OUTER
        return self._places[inward] if inward >= OUTER else inward + self._shift

    def _evaluated(
        self, rows: Plan, subquery: Plan, when: Scalar | None = None
    ) -> tuple[int, Plan, tuple[JoinKey, ...]]:
        """Evaluate the subquery for every different set of values that it reads in the rows.

        Only rows for which `when` is true are read. Returns the number of these values, a plan
        with them and the subquery's columns, and the keys that join the rows to it.
        """
        numbers = sorted(subquery.outer_columns)
        if not numbers and when is None and self._is_alone(subquery):
            return 0, self._alone.lowered(subquery), ()
        columns = rows.columns()
        read = tuple(columns[self._place(number)] for number in numbers)
        needed = rows if when is None else Filter(rows, (when,))
        values = Distinct(Project(needed, read))
        places = {number: at for at, number in enumerate(numbers)}
        outcome = _Lowering(
            values, places, self._alone, guarded=when is not None or self._guarded
        ).lowered(subquery)
        return len(numbers), outcome, equal_keys(read, outcome.columns(0, len(numbers)))

    def _apply(self, plan: Apply) -> Plan:
        rows = self.lowered(plan.input)
        when = None if plan.when is None else self._scalar(plan.when)
        if plan.kind == "exists":
            return self._exists(plan, rows, when)
        if plan.kind == "scalar":
            width, outcome, keys = self._evaluated(rows, plan.subquery, when)
            found = Lookup(rows, outcome, keys, when, exactly_one(plan.subquery))
            return Project(found, (*rows.columns(), *found.columns(rows.width + width)))
        if plan.kind == "inner" and is_linear(plan.subquery):
            places = {n: self._place(n) for n in plan.subquery.outer_columns}
            return _Lowering(rows, places, self._alone, guarded=self._guarded).lowered(
                plan.subquery
            )
        width, outcome, keys = self._evaluated(rows, plan.subquery)
        both = Join(rows, outcome, keys)
        joined = Project(both, rows.columns() + both.columns(rows.width + width))
        return joined if plan.kind == "inner" else self._left(plan, rows, joined)

    def _exists(self, plan: Apply, rows: Plan, when: Scalar | None) -> Plan:
        partners, keys = self._partners(rows, plan.subquery, when)
        parts = [
            Project(
                SemiJoin(rows, partners, keys, anti),
                (*rows.columns(), Scalar.constant(not anti, BOOL)),
            )
            for anti in (False, True)
        ]
        return Union(tuple(parts))

    def _left(self, plan: Apply, rows: Plan, joined: Plan) -> Plan:
        assert plan.on is not None
        matched = Filter(joined, (self._scalar(plan.on),))
        rest = unmatched(rows, Project(matched, matched.columns(0, rows.width)))
        padded = Project(rest, rest.columns() + nulls(plan.subquery))
        return Union((matched, padded))


def _only_if(when: Scalar | None, scalar: Scalar) -> Scalar:
    """The expression where `when` is true, else NULL."""
    if when is None or not scalar.can_fail:
        return scalar
    nothing = Constant(scalar.type, None)
    return Scalar(Case(scalar.type, ((when.node, scalar.node),), nothing))
