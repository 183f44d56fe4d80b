"""The base of all operators, and the operators without inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import islice
from typing import Any

from engine.scalar import Scalar
from engine.types import SqlType

OUTER = 1_000_000
"""Columns of enclosing rows are numbered `level * OUTER + index`; no row is that wide."""

Types = tuple[SqlType, ...]


def outer(level: int, index: int) -> int:
    """The number of column `index` of the row that is `level` subqueries further out."""
    return level * OUTER + index


@dataclass(frozen=True)
class Plan:
    """A relational operator and its inputs."""

    @cached_property
    def types(self) -> Types:
        """The types of the output's columns."""
        raise NotImplementedError

    @property
    def width(self) -> int:
        return len(self.types)

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return ()

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        """The expressions of the operator itself, without those of its inputs."""
        return ()

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        """The operator with other expressions, as many as it has."""
        assert not expressions
        return self

    @cached_property
    def outer_columns(self) -> frozenset[int]:
        """The numbers of the enclosing rows' columns that the plan reads."""
        own = (n for scalar in self.expressions for n in scalar.columns if n >= OUTER)
        return frozenset(own).union(*(child.outer_columns for child in self.inputs))

    def columns(self, start: int = 0, end: int | None = None) -> tuple[Scalar, ...]:
        """The output's columns, from `start` to before `end`, as expressions."""
        types = self.types
        places = range(start, len(types) if end is None else end)
        return tuple(Scalar.column(index, types[index]) for index in places)


@dataclass(frozen=True)
class Get(Plan):
    """The rows of an input relation."""

    id: str
    name: str
    column_types: Types

    @cached_property
    def types(self) -> Types:
        return self.column_types


@dataclass(frozen=True)
class Values(Plan):
    """Constant rows: expressions that read no column."""

    rows: tuple[tuple[Scalar, ...], ...]
    column_types: Types

    @cached_property
    def types(self) -> Types:
        return self.column_types

    @property
    def expressions(self) -> tuple[Scalar, ...]:
        return tuple(scalar for row in self.rows for scalar in row)

    def with_expressions(self, expressions: Sequence[Scalar]) -> Plan:
        remaining = iter(expressions)
        rows = tuple(tuple(islice(remaining, len(row))) for row in self.rows)
        return Values(rows, self.column_types)


UNIT = Values(((),), ())
"""One row without columns: the rows of a missing FROM."""


@dataclass(frozen=True)
class Local(Plan):
    """The rows of a named part of the plan, which is used several times."""

    name: int
    column_types: Types

    @cached_property
    def types(self) -> Types:
        return self.column_types


@dataclass(frozen=True)
class Over(Plan):
    """An operator with one input, whose columns it keeps."""

    input: Plan

    @cached_property
    def types(self) -> Types:
        return self.input.types

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return (self.input,)


@dataclass(frozen=True)
class Pair(Plan):
    """An operator over pairs of rows: the left row's columns, then the right row's."""

    left: Plan
    right: Plan

    @cached_property
    def types(self) -> Types:
        return self.left.types + self.right.types

    @property
    def inputs(self) -> tuple[Plan, ...]:
        return (self.left, self.right)


def with_inputs(plan: Plan, inputs: tuple[Plan, ...]) -> Plan:
    """The operator over other inputs."""
    if inputs == () or all(new is old for new, old in zip(inputs, plan.inputs, strict=True)):
        return plan
    remaining = list(inputs)
    values: dict[str, Any] = {}
    for field in fields(plan):
        value = getattr(plan, field.name)
        if isinstance(value, Plan):
            value = remaining.pop(0)
        elif isinstance(value, tuple) and value and isinstance(value[0], Plan):
            value, remaining = tuple(remaining[: len(value)]), remaining[len(value) :]
        values[field.name] = value
    return type(plan)(**values)
