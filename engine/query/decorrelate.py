"""Unnests subqueries: what is evaluated for each outer row becomes joins.

`lowered(plan, outside)` gives a plan with the columns of `outside`, then the plan's own: for each
row of `outside`, the rows that the plan has for it. An `Apply` whose subquery reads columns of its
input evaluates the subquery once for all the different values of these (a `Distinct`), and joins
the outcome back by them; then every operator in it works for all those values at once, an
aggregate by grouping by them as well. (Neumann and Kemper, Unnesting Arbitrary Queries, 2015.)

In the plan below an Apply, column `outer(1, i)` is column i of the Apply's input, `outer(2, i)`
one of the row around that. Whatever does not read the rows outside is lowered by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from engine.query.outer_joins import Sides, equal_keys, nulls, unmatched
from engine.query.plan import (
    OUTER,
    UNIT,
    AggregateSpec,
    Apply,
    Distinct,
    Filter,
    FlatMap,
    Get,
    Guard,
    Join,
    JoinKey,
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
)
from engine.query.predicates import conjuncts, equality, substituted
from engine.query.properties import at_most_one, exactly_one, is_linear, outer_columns
from engine.scalar import Scalar
from engine.types import BOOL, INT8

TOO_MANY_ROWS = "more than one record produced in subquery"


def decorrelate(plan: Plan) -> Plan:
    """The plan without Apply, SemiApply and OuterJoin."""
    return _Lowering(UNIT, {}).lowered(plan)


@dataclass(frozen=True)
class _Lowering:
    """Lowers plans next to the rows of `outside`.

    `places` tells for each number of an outer column in which column of `outside` it stands.
    """

    outside: Plan
    places: Mapping[int, int]

    @property
    def shift(self) -> int:
        return self.outside.width

    def lowered(self, plan: Plan) -> Plan:
        if plan == UNIT:
            return self.outside
        if self.outside is not UNIT and not outer_columns(plan):
            return Join(self.outside, _ALONE.lowered(plan))
        method = getattr(self, f"_{type(plan).__name__.lower()}")
        result: Plan = method(plan)
        return result

    def _scalar(self, scalar: Scalar) -> Scalar:
        """An expression over the plan's columns, over those of `outside` and the plan's."""
        return scalar.moved(
            {n: self.places[n] if n >= OUTER else n + self.shift for n in scalar.columns}
        )

    def _scalars(self, scalars: Iterable[Scalar]) -> tuple[Scalar, ...]:
        return tuple(map(self._scalar, scalars))

    def _kept(self) -> tuple[Scalar, ...]:
        return self.outside.columns()

    def _get(self, plan: Get) -> Plan:
        return plan

    def _values(self, plan: Values) -> Plan:
        if self.outside is UNIT:
            return plan
        rows = [Project(self.outside, self._kept() + self._scalars(row)) for row in plan.rows]
        return rows[0] if len(rows) == 1 else Union(tuple(rows))

    def _project(self, plan: Project) -> Plan:
        return Project(self.lowered(plan.input), self._kept() + self._scalars(plan.scalars))

    def _filter(self, plan: Filter) -> Plan:
        return Filter(self.lowered(plan.input), self._scalars(plan.predicates))

    def _temporal(self, plan: Temporal) -> Plan:
        bounds = tuple((relation, self._scalar(bound)) for relation, bound in plan.bounds)
        return Temporal(self.lowered(plan.input), bounds)

    def _flatmap(self, plan: FlatMap) -> Plan:
        arguments = self._scalars(plan.arguments)
        return FlatMap(self.lowered(plan.input), plan.function, arguments, plan.produced)

    def _distinct(self, plan: Distinct) -> Plan:
        return Distinct(self.lowered(plan.input))

    def _threshold(self, plan: Threshold) -> Plan:
        return Threshold(self.lowered(plan.input))

    def _negate(self, plan: Negate) -> Plan:
        return Negate(self.lowered(plan.input))

    def _union(self, plan: Union) -> Plan:
        return Union(tuple(map(self.lowered, plan.parts)))

    def _topk(self, plan: TopK) -> Plan:
        group = (*range(self.shift), *(column + self.shift for column in plan.group))
        order = tuple(replace(key, column=key.column + self.shift) for key in plan.order)
        return TopK(self.lowered(plan.input), group, order, plan.limit, plan.offset)

    def _reduce(self, plan: Reduce) -> Plan:
        group = (*range(self.shift), *(column + self.shift for column in plan.group))
        places = {column: column + self.shift for column in range(plan.input.width)}
        aggregates = tuple(aggregate.moved(places) for aggregate in plan.aggregates)
        reduced = Reduce(self.lowered(plan.input), group, aggregates)
        if plan.group or self.outside is UNIT:
            return reduced
        return Union((reduced, self._empty_groups(reduced, plan.aggregates)))

    def _empty_groups(self, reduced: Reduce, aggregates: tuple[AggregateSpec, ...]) -> Plan:
        """What an aggregate without GROUP BY gives for the outer rows that have no rows."""
        keys = equal_keys(self.outside.columns(), reduced.columns(0, self.shift))
        missing = SemiJoin(self.outside, reduced, keys, anti=True)
        nothing = tuple(
            Scalar.constant(0 if aggregate.function == "count" else None, aggregate.type)
            for aggregate in aggregates
        )
        return Project(missing, self._kept() + nothing)

    def _join(self, plan: Join) -> Plan:
        return self._beside(plan.left, plan.right, plan.keys)

    def _beside(self, left: Plan, right: Plan, keys: tuple[JoinKey, ...]) -> Plan:
        """The join of both, each next to `outside`, with the columns of that once."""
        if self.outside is UNIT:
            return Join(self.lowered(left), self.lowered(right), keys)
        assert not keys, "the binder makes joins without keys"
        one, other = (left, right) if outer_columns(left) else (right, left)
        shift, width = self.shift, left.width
        first = self.lowered(one)
        if not outer_columns(other):
            both = Join(first, _ALONE.lowered(other))
            if one is left:
                return both
            own = both.columns(first.width), both.columns(shift, first.width)
            return Project(both, self._kept() + own[0] + own[1])
        second = self.lowered(other)
        shared = equal_keys(first.columns(0, shift), second.columns(0, shift))
        both = Join(first, second, shared)
        return Project(both, both.columns(0, shift + width) + both.columns(width + 2 * shift))

    def _outerjoin(self, plan: OuterJoin) -> Plan:
        left, right = self.lowered(plan.left), self.lowered(plan.right)
        shift, width = self.shift, plan.left.width
        on: list[Scalar] = []
        for predicate in conjuncts((plan.on,)):
            # The condition reads outside's columns (once), the left row's, the right row's; the
            # join has outside's with both.
            scalar = self._scalar(predicate)
            on.append(
                scalar.moved({n: n if n < shift + width else n + shift for n in scalar.columns})
            )
        sides = Sides(left, right, equal_keys(left.columns(0, shift), right.columns(0, shift)), on)
        matched = sides.matched()
        columns = matched.columns()
        lefts, rights = columns[: left.width], columns[left.width :]
        parts: list[Plan] = [Project(matched, lefts + rights[shift:])]
        if plan.kind in ("left", "full"):
            rest = sides.unmatched_left(matched)
            parts.append(Project(rest, rest.columns() + nulls(plan.right)))
        if plan.kind in ("right", "full"):
            rest = sides.unmatched_right(matched)
            own = rest.columns()
            parts.append(Project(rest, own[:shift] + nulls(plan.left) + own[shift:]))
        return Union(tuple(parts))

    def _semiapply(self, plan: SemiApply) -> Plan:
        rows = self.lowered(plan.input)
        partners, keys = self._partners(rows, plan.subquery)
        return SemiJoin(rows, partners, keys, plan.anti)

    def _partners(self, rows: Plan, subquery: Plan) -> tuple[Plan, tuple[JoinKey, ...]]:
        """A plan with a row for each row of the subquery, and the keys that join the rows to it."""
        direct = _keyed(subquery)
        if direct is not None:
            inner, pairs = direct
            return inner, tuple(JoinKey(self._within(left), right) for left, right in pairs)
        _, outcome, keys = self._evaluated(rows, subquery)
        return outcome, keys

    def _within(self, scalar: Scalar) -> Scalar:
        """An expression of a subquery that reads only rows outside it, over the lowered input."""
        return scalar.moved({n: self._place(n) for n in scalar.columns})

    def _place(self, number: int) -> int:
        """Where the outer column of a subquery stands in the lowered input of its Apply."""
        inward = number - OUTER
        return self.places[inward] if inward >= OUTER else inward + self.shift

    def _evaluated(self, rows: Plan, subquery: Plan) -> tuple[int, Plan, tuple[JoinKey, ...]]:
        """The subquery for every different set of values that it reads in the rows.

        Gives how many values that is, a plan with them and the subquery's columns, and the keys
        that join the rows to it.
        """
        numbers = sorted(outer_columns(subquery))
        if not numbers:
            return 0, _ALONE.lowered(subquery), ()
        columns = rows.columns()
        read = tuple(columns[self._place(number)] for number in numbers)
        values = Distinct(Project(rows, read))
        places = {number: at for at, number in enumerate(numbers)}
        outcome = _Lowering(values, places).lowered(subquery)
        return len(numbers), outcome, equal_keys(read, outcome.columns(0, len(numbers)))

    def _apply(self, plan: Apply) -> Plan:
        rows = self.lowered(plan.input)
        if plan.kind == "exists":
            return self._exists(plan, rows)
        if plan.kind == "inner" and is_linear(plan.subquery):
            places = {n: self._place(n) for n in outer_columns(plan.subquery)}
            return _Lowering(rows, places).lowered(plan.subquery)
        width, outcome, keys = self._evaluated(rows, plan.subquery)
        if plan.kind == "inner":
            both = Join(rows, outcome, keys)
            return Project(both, rows.columns() + both.columns(rows.width + width))
        if plan.kind == "scalar":
            return _with_value(rows, width, outcome, keys, plan.subquery)
        return self._left(plan, rows, width, outcome, keys)

    def _exists(self, plan: Apply, rows: Plan) -> Plan:
        partners, keys = self._partners(rows, plan.subquery)
        parts = [
            Project(
                SemiJoin(rows, partners, keys, anti),
                (*rows.columns(), Scalar.constant(not anti, BOOL)),
            )
            for anti in (False, True)
        ]
        return Union(tuple(parts))

    def _left(
        self, plan: Apply, rows: Plan, width: int, outcome: Plan, keys: tuple[JoinKey, ...]
    ) -> Plan:
        assert plan.on is not None
        both = Join(rows, outcome, keys)
        joined = Project(both, rows.columns() + both.columns(rows.width + width))
        matched = Filter(joined, (self._scalar(plan.on),))
        rest = unmatched(rows, Project(matched, matched.columns(0, rows.width)))
        padded = Project(rest, rest.columns() + nulls(plan.subquery))
        return Union((matched, padded))


_ALONE = _Lowering(UNIT, {})


def _with_value(
    rows: Plan, width: int, outcome: Plan, keys: tuple[JoinKey, ...], subquery: Plan
) -> Plan:
    """The rows with the one value that the outcome has for them after `width` keys, or NULL."""
    if exactly_one(subquery):
        joined = Join(rows, outcome, keys)
        return Project(joined, (*rows.columns(), joined.columns()[-1]))
    checked = not at_most_one(subquery)
    if checked:
        count = AggregateSpec("count", (), INT8)
        value = AggregateSpec("min", (width,), outcome.types[width])
        outcome = Reduce(outcome, tuple(range(width)), (count, value))
    joined = Join(rows, outcome, keys)
    there = Guard(joined, rows.width + width, TOO_MANY_ROWS) if checked else joined
    parts: list[Plan] = [Project(there, (*rows.columns(), joined.columns()[-1]))]
    if not checked or width:
        missing = SemiJoin(rows, outcome, keys, anti=True)
        parts.append(Project(missing, missing.columns() + nulls(subquery)))
    return Union(tuple(parts))


def _keyed(plan: Plan) -> tuple[Plan, list[tuple[Scalar, Scalar]]] | None:
    """A subquery of which only its existence matters as rows and the keys that they must have.

    The keys are pairs of an expression that reads only rows outside and one that reads only the
    rows. None unless the outer rows are read in nothing but such equalities.
    """
    predicates: list[Scalar] = []
    while isinstance(plan, Filter | Project):
        if isinstance(plan, Project):
            columns = dict(enumerate(plan.scalars))
            predicates = [substituted(predicate, columns) for predicate in predicates]
        else:
            predicates = [*conjuncts(plan.predicates), *predicates]
        plan = plan.input
    if outer_columns(plan):
        return None
    pairs: list[tuple[Scalar, Scalar]] = []
    own: list[Scalar] = []
    for predicate in predicates:
        if all(number < OUTER for number in predicate.columns):
            own.append(predicate)
            continue
        sides = equality(predicate)
        if sides is None:
            return None
        left, right = sides
        if not _is_outside(left):
            left, right = right, left
        if not _is_outside(left) or any(number >= OUTER for number in right.columns):
            return None
        pairs.append((left, right))
    inner = _ALONE.lowered(plan)
    return (Filter(inner, tuple(own)) if own else inner), pairs


def _is_outside(scalar: Scalar) -> bool:
    return all(number >= OUTER for number in scalar.columns)
