"""The binder as its parts see it, and the results that they pass to each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from engine.query.bind.names import Names
from engine.query.plan import Plan, Project, SortKey, TopK, deepened
from engine.relation import Column, Resolver
from engine.scalar import Environment, Scalar
from engine.types import TEXT, UNKNOWN, SqlType


@dataclass(frozen=True)
class Bound:
    """A bound query: the first columns of `plan` are its own, the others serve its `order`."""

    plan: Plan
    columns: tuple[Column, ...]
    order: tuple[SortKey, ...] = ()
    limit: Scalar | None = None
    offset: Scalar | None = None

    def limited(self) -> Plan:
        """All columns of the rows that LIMIT and OFFSET select."""
        if self.limit is None and self.offset is None:
            return self.plan
        return TopK(self.plan, (), self.order, self.limit, self.offset)

    def as_table(self) -> Plan:
        """The query as a relation: cut by LIMIT and OFFSET, without order."""
        plan = self.limited()
        width = len(self.columns)
        return plan if plan.width == width else Project(plan, plan.columns(0, width))


@dataclass(frozen=True)
class CommonTable:
    """A table of WITH; it may read the rows outside the query that defines it."""

    bound: Bound
    outside: Names | None

    def seen_from(self, outside: Names | None) -> Bound:
        """The table where it is used: perhaps in a subquery, further in."""
        if outside is None:
            return self.bound
        by = outside.distance(self.outside)
        return Bound(deepened(self.bound.plan, by), self.bound.columns)


Tables = dict[str, CommonTable]
"""The tables of WITH that are visible, by name."""


@dataclass(frozen=True)
class Surroundings:
    """The position of a query: the outer rows that it may read, and the WITH names it can see."""

    outside: Names | None = None
    tables: Tables = field(default_factory=dict)


KEEP: Final[tuple[SqlType, ...]] = (UNKNOWN,)

Wanted = Sequence[SqlType] | None
"""Types for columns of quoted literals and NULLs, which have no type of their own.

None makes them text; `KEEP` leaves them unknown, for a set operation that compares its operands.
"""


def decided(types: Sequence[SqlType], wanted: Wanted) -> list[SqlType]:
    """Replace unknown types by the wanted ones."""
    if wanted is KEEP:
        return list(types)
    if wanted is None or len(wanted) != len(types):
        wanted = [TEXT] * len(types)  # the caller refuses a wrong number of columns
    return [w if t is UNKNOWN else t for t, w in zip(types, wanted, strict=True)]


class Binder(ABC):
    """One compilation: the catalog, and what was found while names were bound.

    `maintained` is whether the result is kept up to date (a view, a TAIL). `parameters` (types of
    `$1` ..) and `dependencies` (ids of relations) are filled by binding.
    """

    def __init__(
        self,
        resolver: Resolver,
        environment: Environment,
        *,
        maintained: bool,
        parameters: Mapping[int, SqlType],
    ) -> None:
        self.resolver = resolver
        self.environment = environment
        self.maintained = maintained
        self.parameters = dict(parameters)
        self.dependencies: list[str] = []
        self.views: dict[str, Bound] = {}
        """Plain views by id: each is bound once, so that all its uses share one plan."""

    @abstractmethod
    def query(self, tree: exp.Expr, around: Surroundings, wanted: Wanted = None) -> Bound:
        """Bind a query of any form in these surroundings; raises SqlError."""

    def depend_on(self, id: str) -> None:
        if id not in self.dependencies:
            self.dependencies.append(id)
