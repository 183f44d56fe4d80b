"""The operators over one or several inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from engine.query.plan.base import Over, Pair, Plan, Types
from engine.scalar import Scalar
from engine.types import SqlType


@dataclass(frozen=True)
class Project(Over):
    scalars: tuple[Scalar, ...]

    @cached_property
    def types(self) -> Types:
        return tuple(scalar.type for scalar in self.scalars)

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return self.scalars


@dataclass(frozen=True)
class Filter(Over):
    """The rows for which all predicates are true."""

    predicates: tuple[Scalar, ...]

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return self.predicates


@dataclass(frozen=True)
class Temporal(Over):
    """The rows for which each `mz_logical_timestamp() relation bound` is true.

    `bounds` are pairs of a relation (`<`, `<=`, `>`, `>=` or `=`) and an expression.
    """

    bounds: tuple[tuple[str, Scalar], ...]

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return tuple(bound for _, bound in self.bounds)


@dataclass(frozen=True)
class FlatMap(Over):
    """Each input row combined with each row that a table function returns for it."""

    function: str
    arguments: tuple[Scalar, ...]
    produced: Types

    @cached_property
    def types(self) -> Types:
        return self.input.types + self.produced

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return self.arguments


@dataclass(frozen=True)
class JoinKey:
    """Two expressions, over the left and the right row, that must be equal.

    With `null_safe`, NULL equals NULL; without, it equals nothing.
    """

    left: Scalar
    right: Scalar
    null_safe: bool = False


@dataclass(frozen=True)
class Join(Pair):
    """Inner join."""

    keys: tuple[JoinKey, ...] = ()

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return tuple(scalar for key in self.keys for scalar in (key.left, key.right))


@dataclass(frozen=True)
class SemiJoin(Pair):
    """The left rows that have a partner on the right; with `anti`, those that have none."""

    keys: tuple[JoinKey, ...]
    anti: bool

    @cached_property
    def types(self) -> Types:
        return self.left.types

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return tuple(scalar for key in self.keys for scalar in (key.left, key.right))


@dataclass(frozen=True)
class SortKey:
    column: int
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True)
class AggregateSpec:
    """A call of an aggregate function on columns of the input.

    `order` is the order of the rows inside the call, `accepts` the boolean column of FILTER.
    """

    function: str
    arguments: tuple[int, ...]
    type: SqlType
    distinct: bool = False
    order: tuple[SortKey, ...] = ()
    accepts: int | None = None

    def moved(self, places: dict[int, int]) -> AggregateSpec:
        """The same call over an input whose column `i` is now column `places[i]`."""
        return AggregateSpec(
            self.function,
            tuple(places[column] for column in self.arguments),
            self.type,
            self.distinct,
            tuple(SortKey(places[k.column], k.descending, k.nulls_first) for k in self.order),
            None if self.accepts is None else places[self.accepts],
        )

    @property
    def columns(self) -> frozenset[int]:
        used = {*self.arguments, *(key.column for key in self.order)}
        return frozenset(used if self.accepts is None else used | {self.accepts})


@dataclass(frozen=True)
class Reduce(Over):
    """One row for each group: the group's columns, then the aggregates.

    Without `group` columns there is one group, which exists even when the input is empty.
    """

    group: tuple[int, ...]
    aggregates: tuple[AggregateSpec, ...]

    @cached_property
    def types(self) -> Types:
        before = self.input.types
        grouped = tuple(before[column] for column in self.group)
        return grouped + tuple(aggregate.type for aggregate in self.aggregates)


@dataclass(frozen=True)
class TopK(Over):
    """The rows `offset` to before `offset + limit` of each group, in that order."""

    group: tuple[int, ...]
    order: tuple[SortKey, ...]
    limit: Scalar | None
    offset: Scalar | None

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return tuple(count for count in (self.limit, self.offset) if count is not None)


@dataclass(frozen=True)
class Distinct(Over):
    """Each different row once."""


@dataclass(frozen=True)
class Threshold(Over):
    """The rows whose weight is positive, for differences."""


@dataclass(frozen=True)
class Negate(Over):
    """The rows with negated weights."""


@dataclass(frozen=True)
class Guard(Over):
    """The rows whose count in `column` is 1; a higher count is an error with `message`."""

    column: int
    message: str


@dataclass(frozen=True)
class Union(Plan):
    """All rows of all inputs, duplicates included."""

    parts: tuple[Plan, ...]

    @cached_property
    def types(self) -> Types:
        return self.parts[0].types

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return self.parts
