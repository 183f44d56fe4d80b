"""Functions whose types depend on their arguments' types, which no signature can say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from engine.errors import SqlError
from engine.scalar.casts import cast
from engine.scalar.nodes import Node
from engine.types import TEXT, UNKNOWN, SqlType

Builder: TypeAlias = Callable[[list[Node], SqlType | None], Node]
POLYMORPHIC: dict[str, Builder] = {}


def polymorphic(*names: str) -> Callable[[Builder], Builder]:
    """Make a builder known under these names."""

    def register(build: Builder) -> Builder:
        POLYMORPHIC.update(dict.fromkeys(names, build))
        return build

    return register


def no_such_function(name: str, arguments: list[Node]) -> SqlError:
    shown = ", ".join(argument.type.sql_name for argument in arguments)
    return SqlError(f"function {name}({shown}) does not exist", "42883")


def expect(name: str, arguments: list[Node], *counts: int) -> None:
    """Raise SqlError unless there are as many arguments as one of `counts`."""
    if len(arguments) not in counts:
        raise no_such_function(name, arguments)


def settle(node: Node) -> Node:
    """Convert a quoted literal of unknown type to text."""
    return cast(node, TEXT) if node.type is UNKNOWN else node
