"""The operators over one or several inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        return Project(self.input, tuple(expressions))


@dataclass(frozen=True)
class Filter(Over):
    """The rows for which all predicates are true."""

    predicates: tuple[Scalar, ...]

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return self.predicates

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        return Filter(self.input, tuple(expressions))


@dataclass(frozen=True)
class Temporal(Over):
    """The rows for which each `mz_logical_timestamp() relation bound` is true.

    `bounds` are pairs of a relation (`<`, `<=`, `>`, `>=` or `=`) and an expression.
    """

    bounds: tuple[tuple[str, Scalar], ...]

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return tuple(bound for _, bound in self.bounds)

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        relations = (relation for relation, _ in self.bounds)
        return Temporal(self.input, tuple(zip(relations, expressions, strict=True)))


@dataclass(frozen=True)
class FlatMap(Over):
    """Each input row combined with each row that a table function returns for it.

    With `ordinality` the last column of these rows is their number, from 1.
    """

    function: str
    arguments: tuple[Scalar, ...]
    produced: Types
    ordinality: bool = False

    @cached_property
    def types(self) -> Types:
        return self.input.types + self.produced

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return self.arguments

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        return replace(self, arguments=tuple(expressions))


@dataclass(frozen=True)
class JoinKey:
    """Two expressions, over the left and the right row, that must be equal.

    With `null_safe`, NULL equals NULL; without, it equals nothing.
    """

    left: Scalar
    right: Scalar
    null_safe: bool = False


@dataclass(frozen=True)
class _Keyed(Pair):
    """An operator over pairs of rows with equal keys; all are true for a pair."""

    keys: tuple[JoinKey, ...] = ()

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return tuple(scalar for key in self.keys for scalar in (key.left, key.right))

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        remaining = iter(expressions)
        keys = tuple(JoinKey(next(remaining), next(remaining), k.null_safe) for k in self.keys)
        return replace(self, keys=keys)


@dataclass(frozen=True)
class Join(_Keyed):
    """Inner join. With `guarded`, conditions that may fail are evaluated after it only."""

    guarded: bool = False


@dataclass(frozen=True)
class Lookup(_Keyed):
    """Each left row with the columns of the one right row that has its key, or NULLs.

    Two right rows with the key are an error of the left row. A left row for which `when` is not
    true is not looked up and has NULLs. With `required`, a left row that is looked up and has no
    partner is left out: the error of its subquery was counted already.
    """

    when: Scalar | None = None
    required: bool = False

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return super().expressions + (() if self.when is None else (self.when,))

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        keys = 2 * len(self.keys)
        when = None if self.when is None else expressions[keys]
        changed = super().with_expressions(expressions[:keys])
        return replace(changed, when=when)  # type: ignore[call-arg]


@dataclass(frozen=True)
class SemiJoin(_Keyed):
    """The left rows that have a partner on the right; with `anti`, those that have none."""

    anti: bool = False

    @cached_property
    def types(self) -> Types:
        return self.left.types


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

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        return self  # they read no column


@dataclass(frozen=True)
class Window(Over):
    """Each row with the value of a window function over the rows of its partition.

    `offset` is the number of rows that lag (negative) or lead look away.
    """

    group: tuple[int, ...]
    order: tuple[SortKey, ...]
    call: AggregateSpec
    offset: int = 0

    @cached_property
    def types(self) -> Types:
        return (*self.input.types, self.call.type)

    @property
    def read(self) -> frozenset[int]:
        """The columns that the value depends on."""
        return self.call.columns.union(self.group, (key.column for key in self.order))

    def moved(self, input: Plan, places: dict[int, int]) -> Window:
        """The same over an input whose column `i` is now column `places[i]`."""
        order = tuple(SortKey(places[k.column], k.descending, k.nulls_first) for k in self.order)
        group = tuple(places[column] for column in self.group)
        return Window(input, group, order, self.call.moved(places), self.offset)


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
class Union(Plan):
    """All rows of all inputs, duplicates included."""

    parts: tuple[Plan, ...]

    @cached_property
    def types(self) -> Types:
        return self.parts[0].types

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return self.parts
