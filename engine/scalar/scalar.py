"""A scalar expression that has been typed and checked, ready to be compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.scalar.nodes import Column, Constant, Node, Parameter, Session, replace, walk
from engine.types import SqlType
from engine.zset import Value


@dataclass(frozen=True)
class Scalar:
    """An expression over a row; equal to another if both compute the same in the same way."""

    node: Node

    @staticmethod
    def column(index: int, type_: SqlType) -> Scalar:
        """The value at `index` of the row."""
        return Scalar(Column(type_, index))

    @staticmethod
    def constant(value: Value, type_: SqlType) -> Scalar:
        return Scalar(Constant(type_, value))

    @property
    def type(self) -> SqlType:
        return self.node.type

    @property
    def columns(self) -> frozenset[int]:
        """The indexes of the row's columns that are read."""
        return frozenset(node.index for node in walk(self.node) if isinstance(node, Column))

    @property
    def column_index(self) -> int | None:
        """The index of the column that this is, if it is nothing but a column."""
        return self.node.index if isinstance(self.node, Column) else None

    @property
    def session_functions(self) -> frozenset[str]:
        """Names of what it reads besides the row: `now`, `mz_logical_timestamp`, `version` .."""
        return frozenset(node.name for node in walk(self.node) if isinstance(node, Session))

    @property
    def is_constant(self) -> bool:
        """Whether it reads no column (it may read parameters and session functions)."""
        return not self.columns

    @property
    def is_literal(self) -> bool:
        return isinstance(self.node, Constant)

    @property
    def value(self) -> Value:
        """The value of a literal."""
        assert isinstance(self.node, Constant)
        return self.node.value

    @property
    def parameters(self) -> frozenset[int]:
        """The numbers of the parameters that it reads."""
        return frozenset(node.number for node in walk(self.node) if isinstance(node, Parameter))

    @property
    def nullable(self) -> bool:
        return self.node.nullable

    @property
    def can_fail(self) -> bool:
        """Whether evaluating it may raise SqlError for some row."""
        return self.node.can_fail

    def moved(self, places: Mapping[int, int]) -> Scalar:
        """The same over rows in which the column at `i` is at `places[i]`."""

        def change(node: Node) -> Node | None:
            return Column(node.type, places[node.index]) if isinstance(node, Column) else None

        return Scalar(replace(self.node, change))

    def over(self, columns: Mapping[int, Scalar]) -> Scalar:
        """The same with each column replaced by an expression: a projection merged into this."""

        def change(node: Node) -> Node | None:
            return columns[node.index].node if isinstance(node, Column) else None

        return Scalar(replace(self.node, change))
