"""The typed expression: what `compiler` makes of a tree, and `codegen` turns into Python.

Nodes are immutable and compared by value, so equal subexpressions can be found and computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, dataclass_transform

from engine.scalar.registry import Function
from engine.types import SqlType
from engine.zset import Value

N = TypeVar("N")


@dataclass_transform(frozen_default=True)
def node_type(cls: type[N]) -> type[N]:
    """Make a frozen dataclass whose hash is computed once: trees are deep, and looked up a lot."""
    made = dataclass(frozen=True)(cls)
    compute = made.__hash__

    def remembered(self: N) -> int:
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = self.__dict__["_hash"] = compute(self)
        return known

    made.__hash__ = remembered  # type: ignore[assignment]
    return made


@dataclass(frozen=True)
class Node:
    type: SqlType

    @property
    def children(self) -> tuple[Node, ...]:
        return ()

    def rebuild(self, children: tuple[Node, ...]) -> Node:
        """The same node with other children."""
        return self

    @cached_property
    def nullable(self) -> bool:
        """Whether the value may be NULL."""
        return True

    @cached_property
    def can_fail(self) -> bool:
        """Whether evaluating this, children included, may raise SqlError."""
        return any(child.can_fail for child in self.children)

    @cached_property
    def is_volatile(self) -> bool:
        """Whether two evaluations may give two values (random())."""
        return any(child.is_volatile for child in self.children)


@node_type
class Column(Node):
    """The value at `index` of the row."""

    index: int


@node_type
class Constant(Node):
    value: Value

    @cached_property
    def nullable(self) -> bool:
        return self.value is None


@node_type
class Parameter(Node):
    """`$number`, counted from 1; its value comes with the evaluation."""

    number: int


@node_type
class Session(Node):
    """A value that is the same for all rows of one evaluation: `now`, `current_user` .."""

    name: str

    @cached_property
    def nullable(self) -> bool:
        return False


@node_type
class Call(Node):
    """A function or operator applied; NULL for a NULL argument if the function is strict."""

    function: Function
    arguments: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.arguments

    def rebuild(self, children: tuple[Node, ...]) -> Node:
        return Call(self.type, self.function, children)

    @cached_property
    def nullable(self) -> bool:
        if self.function.strict:
            return self.function.gives_null or any(a.nullable for a in self.arguments)
        return self.function.gives_null

    @cached_property
    def can_fail(self) -> bool:
        return self.function.can_fail or super().can_fail

    @cached_property
    def is_volatile(self) -> bool:
        return self.function.volatile or super().is_volatile


@node_type
class Logic(Node):
    """AND (`is_and`) or OR of two or more conditions, by three-valued logic."""

    is_and: bool
    operands: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.operands

    def rebuild(self, children: tuple[Node, ...]) -> Node:
        return Logic(self.type, self.is_and, children)

    @cached_property
    def nullable(self) -> bool:
        return any(operand.nullable for operand in self.operands)


@node_type
class IsNull(Node):
    operand: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.operand,)

    def rebuild(self, children: tuple[Node, ...]) -> Node:
        return IsNull(self.type, *children)

    @cached_property
    def nullable(self) -> bool:
        return False


@node_type
class Case(Node):
    """(condition, result) pairs, tried in order, and the result if no condition is true."""

    branches: tuple[tuple[Node, Node], ...]
    default: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (*(node for branch in self.branches for node in branch), self.default)

    def rebuild(self, children: tuple[Node, ...]) -> Node:
        pairs = tuple(zip(children[:-1:2], children[1:-1:2], strict=True))
        return Case(self.type, pairs, children[-1])

    @cached_property
    def nullable(self) -> bool:
        return self.default.nullable or any(result.nullable for _, result in self.branches)


@node_type
class Coalesce(Node):
    """The first operand that is not NULL; later ones are not evaluated."""

    operands: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.operands

    def rebuild(self, children: tuple[Node, ...]) -> Node:
        return Coalesce(self.type, children)

    @cached_property
    def nullable(self) -> bool:
        return all(operand.nullable for operand in self.operands)


@node_type
class JsonGet(Node):
    """`base -> key`, or `base ->> key` if `as_text`, for a constant key: a str, or an int index."""

    base: Node
    key: str | int
    as_text: bool

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.base,)

    def rebuild(self, children: tuple[Node, ...]) -> Node:
        return JsonGet(self.type, children[0], self.key, self.as_text)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, parents first."""
    yield node
    for child in node.children:
        yield from walk(child)


def replace(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """The tree with every node for which `change` gives another replaced by that, from the top."""
    changed = change(node)
    if changed is not None:
        return changed
    children = node.children
    return node.rebuild(tuple(replace(child, change) for child in children)) if children else node
