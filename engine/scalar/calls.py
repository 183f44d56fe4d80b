"""Calls of functions by name: plain ones by their signatures, and those that take any type."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import engine.scalar.functions
import engine.scalar.polymorphic_arrays
import engine.scalar.polymorphic_values  # noqa: F401 -- these three fill the registries
from engine.scalar import overloads
from engine.scalar.nodes import Node
from engine.scalar.polymorphic import POLYMORPHIC
from engine.types import SqlType

Builder = Callable[[Sequence[Node]], Node]


def call_operator(symbol: str, arguments: Sequence[Node]) -> Node:
    """Apply an operator, such as `+` or `||`; raises SqlError 42883 if there is none that fits."""
    build = POLYMORPHIC.get(symbol)
    return overloads.operator(symbol, arguments) if build is None else build(list(arguments), None)


def call_function(name: str, arguments: Sequence[Node], type_: SqlType | None = None) -> Node:
    """Call the function `name`; `type_` is what an `array` of these items is.

    Raises SqlError 42883 if there is no such function or its arguments do not fit.
    """
    build = POLYMORPHIC.get(name)
    if build is not None:
        return build(list(arguments), type_)
    return overloads.call(name, arguments)
