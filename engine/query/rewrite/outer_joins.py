"""Outer joins: the pairs that match, and the rows of either side without a partner.

The rows without a partner are an anti-join. If the condition consists of equalities of both sides
and of conditions on the other side alone, its keys are looked up on the other side; otherwise the
whole row is looked up among the rows that matched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.query.plan import (
    Filter,
    Join,
    JoinKey,
    OuterJoin,
    Plan,
    Project,
    SemiJoin,
    Union,
)
from engine.query.predicates import key_of, shifted
from engine.scalar import Scalar


def outer_join(plan: OuterJoin, left: Plan, right: Plan, on: list[Scalar], shift: int) -> Plan:
    """The outer join of both sides, each next to the same `shift` outer columns.

    `on` reads the outer columns (once), the left row's, the right row's.
    """
    width = plan.left.width
    places = [
        scalar.moved({n: n if n < shift + width else n + shift for n in scalar.columns})
        for scalar in on
    ]
    shared = equal_keys(left.columns(0, shift), right.columns(0, shift))
    sides = _Sides(left, right, shared, places)
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


@dataclass(frozen=True)
class _Sides:
    """The inputs of an outer join, and the keys and conditions that pair their rows."""

    left: Plan
    right: Plan
    shared: tuple[JoinKey, ...]
    on: list[Scalar]

    def matched(self) -> Plan:
        return Filter(Join(self.left, self.right, self.shared), tuple(self.on))

    def unmatched_left(self, matched: Plan) -> Plan:
        """The left rows without a partner."""
        split = self._keys(lambda n: n >= self.left.width)
        if split is None:
            rows = self.left
            return unmatched(rows, Project(matched, matched.columns(0, rows.width)))
        keys, own = split
        partners = _shifted_filter(self.right, own, -self.left.width)
        return SemiJoin(self.left, partners, self.shared + keys, anti=True)

    def unmatched_right(self, matched: Plan) -> Plan:
        """The right rows without a partner."""
        split = self._keys(lambda n: n < self.left.width)
        if split is None:
            return unmatched(self.right, Project(matched, matched.columns(self.left.width)))
        keys, own = split
        partners = _shifted_filter(self.left, own, 0)
        mirrored = tuple(JoinKey(k.right, k.left, k.null_safe) for k in self.shared + keys)
        return SemiJoin(self.right, partners, mirrored, anti=True)

    def _keys(
        self, is_partner: Callable[[int], bool]
    ) -> tuple[tuple[JoinKey, ...], list[Scalar]] | None:
        """Split the condition into equalities of both sides and conditions on the partner alone.

        None if it has other parts.
        """
        boundary = self.left.width
        keys: list[JoinKey] = []
        own: list[Scalar] = []
        for predicate in self.on:
            if all(map(is_partner, predicate.columns)):
                own.append(predicate)
                continue
            pair = key_of(predicate, boundary)
            if pair is None:
                return None
            keys.append(pair)
        return tuple(keys), own


def _shifted_filter(plan: Plan, predicates: list[Scalar], by: int) -> Plan:
    """The rows for which the predicates are true, after moving their columns `by` places."""
    return Filter(plan, tuple(shifted(p, by) for p in predicates)) if predicates else plan


def unmatched(rows: Plan, matched: Plan) -> Plan:
    """The rows that are not among the matched ones."""
    return SemiJoin(rows, matched, equal_keys(rows.columns(), matched.columns()), anti=True)


def equal_keys(left: Iterable[Scalar], right: Iterable[Scalar]) -> tuple[JoinKey, ...]:
    """Join keys that are true where the two sides are the same, NULLs included."""
    pairs = zip(left, right, strict=True)
    return tuple(JoinKey(one, other, null_safe=True) for one, other in pairs)


def nulls(plan: Plan) -> tuple[Scalar, ...]:
    return tuple(Scalar.constant(None, type_) for type_ in plan.types)
