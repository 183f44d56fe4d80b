"""What binding a query needs to know and gathers, and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.query.names import Names
from engine.query.plan import Plan, Project, SortKey, TopK
from engine.relation import Column, Resolver
from engine.scalar import Environment, Scalar
from engine.types import TEXT, UNKNOWN, SqlType


@dataclass
class Context:
    """One compilation. `parameters` and `dependencies` fill while it goes on.

    `maintained` is whether the result is to be kept up to date, `views` the ids of the plain views
    that are being inlined at this point.
    """

    resolver: Resolver
    environment: Environment
    maintained: bool
    parameters: dict[int, SqlType] = field(default_factory=dict)
    dependencies: list[str] = field(default_factory=list)

    def depend_on(self, id: str) -> None:
        if id not in self.dependencies:
            self.dependencies.append(id)


@dataclass(frozen=True)
class Bound:
    """A bound query: the first columns of `plan` are its own, the others serve its `order`."""

    plan: Plan
    columns: tuple[Column, ...]
    order: tuple[SortKey, ...] = ()
    limit: Scalar | None = None
    offset: Scalar | None = None

    def as_table(self) -> Plan:
        """The query as a relation: cut by LIMIT and OFFSET, without order."""
        plan = self.plan
        if self.limit is not None or self.offset is not None:
            plan = TopK(plan, (), self.order, self.limit, self.offset)
        return visible(plan, len(self.columns))


def visible(plan: Plan, width: int) -> Plan:
    """The first `width` columns."""
    return plan if plan.width == width else Project(plan, plan.columns(0, width))


KEEP: Final[tuple[SqlType, ...]] = (UNKNOWN,)

Wanted = Sequence[SqlType] | None
"""The types for columns of quoted literals and NULLs whose own nothing tells.

None makes them text; `KEEP` leaves them unknown, for a set operation that asks what it has.
"""


def decided(types: Sequence[SqlType], wanted: Wanted) -> list[SqlType]:
    """The types with those that are unknown replaced by what is wanted."""
    if wanted is KEEP:
        return list(types)
    if wanted is None or len(wanted) != len(types):
        wanted = [TEXT] * len(types)  # a wrong number of columns is for the caller to refuse
    return [w if t is UNKNOWN else t for t, w in zip(types, wanted, strict=True)]


Tables = dict[str, Bound]
"""Common table expressions that can be seen, by name."""


@dataclass(frozen=True)
class Surroundings:
    """Where a query stands: the rows outside it that it may read, and the WITH names it can see."""

    outside: Names | None = None
    tables: Tables = field(default_factory=dict)
