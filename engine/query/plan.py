"""Plans: a query as a tree of relational operators over rows with numbered columns.

The binder makes one from SQL; it may hold `Apply`, `SemiApply` and `OuterJoin`, whose right sides
may read the columns of the row outside: in their expressions, the column `outer(level, index)`.
`decorrelate` replaces these three by the others, `optimise` rewrites what comes out, and `render`
builds the dataflow's operators from it. Nodes are immutable and compared by value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from engine.scalar import Scalar
from engine.types import BOOL, SqlType

OUTER = 1_000_000
"""Columns of enclosing rows are numbered `level * OUTER + index`; a row is never so wide."""

Types = tuple[SqlType, ...]


def outer(level: int, index: int) -> int:
    """The number of column `index` of the row `level` subqueries further out."""
    return level * OUTER + index


@dataclass(frozen=True)
class Plan:
    """An operator; its output's columns have the types `types`."""

    @property
    def types(self) -> Types:
        raise NotImplementedError

    @property
    def width(self) -> int:
        return len(self.types)

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return ()

    def columns(self, start: int = 0, end: int | None = None) -> tuple[Scalar, ...]:
        """The output's columns (from `start` to before `end`) as expressions."""
        types = self.types
        places = range(start, len(types) if end is None else end)
        return tuple(Scalar.column(index, types[index]) for index in places)


@dataclass(frozen=True)
class Get(Plan):
    """The rows of an input relation."""

    id: str
    name: str
    column_types: Types

    @property
    def types(self) -> Types:
        return self.column_types


@dataclass(frozen=True)
class Values(Plan):
    """Rows of expressions that read no column."""

    rows: tuple[tuple[Scalar, ...], ...]
    column_types: Types

    @property
    def types(self) -> Types:
        return self.column_types


UNIT = Values(((),), ())
"""One row without columns: what FROM gives when there is none."""


@dataclass(frozen=True)
class Local(Plan):
    """The rows of a plan that was given a name because it is used several times."""

    name: int
    column_types: Types

    @property
    def types(self) -> Types:
        return self.column_types


@dataclass(frozen=True)
class _Over(Plan):
    """An operator with one input whose columns it keeps."""

    input: Plan

    @property
    def types(self) -> Types:
        return self.input.types

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return (self.input,)


@dataclass(frozen=True)
class _Pair(Plan):
    """An operator over pairs of rows: the left row's columns, then the right one's."""

    left: Plan
    right: Plan

    @property
    def types(self) -> Types:
        return self.left.types + self.right.types

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return (self.left, self.right)


@dataclass(frozen=True)
class Project(_Over):
    scalars: tuple[Scalar, ...]

    @property
    def types(self) -> Types:
        return tuple(scalar.type for scalar in self.scalars)


@dataclass(frozen=True)
class Filter(_Over):
    """The rows for which all predicates are true."""

    predicates: tuple[Scalar, ...]


@dataclass(frozen=True)
class Temporal(_Over):
    """The rows for which each `mz_logical_timestamp() relation bound` is true.

    `bounds` are (relation, expression): one of `<`, `<=`, `>`, `>=`, `=`.
    """

    bounds: tuple[tuple[str, Scalar], ...]


@dataclass(frozen=True)
class JoinKey:
    """Two expressions, over the left and the right row, that must be equal.

    With `null_safe`, NULL equals NULL; without, it equals nothing.
    """

    left: Scalar
    right: Scalar
    null_safe: bool = False


@dataclass(frozen=True)
class Join(_Pair):
    """Inner join; the left row's columns, then the right one's."""

    keys: tuple[JoinKey, ...] = ()


@dataclass(frozen=True)
class SemiJoin(_Pair):
    """The left rows that have a partner on the right; with `anti`, those that have none."""

    keys: tuple[JoinKey, ...]
    anti: bool

    @property
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

    `order` is that of the rows inside the call; `accepts` the boolean column of FILTER.
    """

    function: str
    arguments: tuple[int, ...]
    type: SqlType
    distinct: bool = False
    order: tuple[SortKey, ...] = ()
    accepts: int | None = None

    def moved(self, places: dict[int, int]) -> AggregateSpec:
        """The same over an input in which column `i` stands at `places[i]`."""
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
class Reduce(_Over):
    """One row for each group: the group's columns, then the aggregates.

    With no `group` columns there is one group, which is there also when the input is empty.
    """

    group: tuple[int, ...]
    aggregates: tuple[AggregateSpec, ...]

    @property
    def types(self) -> Types:
        before = self.input.types
        grouped = tuple(before[column] for column in self.group)
        return grouped + tuple(aggregate.type for aggregate in self.aggregates)


@dataclass(frozen=True)
class TopK(_Over):
    """Of each group the rows `offset` to before `offset + limit`, in that order."""

    group: tuple[int, ...]
    order: tuple[SortKey, ...]
    limit: Scalar | None
    offset: Scalar | None


@dataclass(frozen=True)
class Distinct(_Over):
    pass


@dataclass(frozen=True)
class Threshold(_Over):
    """The rows whose weight is positive, for differences."""


@dataclass(frozen=True)
class Negate(_Over):
    pass


@dataclass(frozen=True)
class Guard(_Over):
    """Rows whose count in `column` is above 1 are an error, not rows."""

    column: int
    message: str


@dataclass(frozen=True)
class Union(Plan):
    """All rows of all inputs, as often as they are there."""

    parts: tuple[Plan, ...]

    @property
    def types(self) -> Types:
        return self.parts[0].types

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return self.parts


@dataclass(frozen=True)
class FlatMap(_Over):
    """Each input row with each row that a table function gives for it."""

    function: str
    arguments: tuple[Scalar, ...]
    produced: Types

    @property
    def types(self) -> Types:
        return self.input.types + self.produced


@dataclass(frozen=True)
class Apply(Plan):
    """Each row of `input` with what the subquery gives for it.

    `kind`: `inner` and `left` are lateral joins (`left` gives a row of NULLs where the subquery
    is empty or `on` is true for none of its rows); `scalar` adds the one value of a subquery with
    one column, NULL if it is empty, an error if it has two rows; `exists` adds whether it has a
    row.
    """

    input: Plan
    subquery: Plan
    kind: Literal["inner", "left", "scalar", "exists"]
    on: Scalar | None = None

    @property
    def types(self) -> Types:
        added = (BOOL,) if self.kind == "exists" else self.subquery.types
        return self.input.types + added

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return (self.input, self.subquery)


@dataclass(frozen=True)
class SemiApply(_Over):
    """The rows of `input` for which the subquery has a row; with `anti`, the others."""

    subquery: Plan
    anti: bool

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return (self.input, self.subquery)


@dataclass(frozen=True)
class OuterJoin(_Pair):
    """A left, right or full join; `on` reads the left row's columns, then the right one's."""

    kind: Literal["left", "right", "full"]
    on: Scalar


def identity(types: Iterable[SqlType]) -> tuple[Scalar, ...]:
    """The columns of a row of those types, as expressions."""
    return tuple(Scalar.column(index, type_) for index, type_ in enumerate(types))
