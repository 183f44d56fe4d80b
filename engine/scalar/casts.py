"""Casts: which type converts to which, by what function, and when without being asked.

A cast is implicit (anywhere), by assignment (INSERT into a column), or explicit only (`::`, CAST).
The casts themselves are defined in `functions/conversions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from engine.errors import SqlError
from engine.scalar.nodes import Call, Constant, Node, Parameter
from engine.scalar.registry import Function
from engine.types import BPCHAR, NAME, TEXT, UNKNOWN, VARCHAR, Array, SqlType


class Context(IntEnum):
    """The contexts of a cast; each allows all that the ones before it allow."""

    IMPLICIT = 0
    ASSIGNMENT = 1
    EXPLICIT = 2


@dataclass(frozen=True)
class Cast:
    function: Function
    context: Context


CASTS: dict[tuple[SqlType, SqlType], Cast] = {}
STRINGS = (TEXT, VARCHAR, BPCHAR, NAME)


def add_cast(
    source: SqlType,
    target: SqlType,
    context: Context,
    call: Callable[..., Any] | None = None,
    **options: Any,
) -> None:
    """Make a cast known; options are the fields of Function."""
    # All strings' casts carry one name: what reads JSON fields knows them by it.
    name = f"{'text' if source in STRINGS else source.name}_to_{target.name}"
    function = Function(name, (source,), target, call, **options)
    CASTS[source, target] = Cast(function, context)


def same_values(source: SqlType, target: SqlType, context: Context) -> None:
    """A cast between types whose values are the same Python objects."""
    add_cast(source, target, context, template="{0}")


def find_cast(source: SqlType, target: SqlType, context: Context) -> Function | None:
    """The function that converts, None if there is none in that context."""
    cast = CASTS.get((source, target))
    if cast is not None and cast.context <= context:
        return cast.function
    if isinstance(source, Array) or isinstance(target, Array):
        return _array_cast(source, target, context)
    return None


def _array_cast(source: SqlType, target: SqlType, context: Context) -> Function | None:
    if isinstance(source, Array) and isinstance(target, Array):
        element = find_cast(source.element, target.element, context)
        if element is None:
            return None
        convert = element.python

        def convert_all(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(None if value is None else convert(value) for value in values)

        options: dict[str, Any] = {"can_fail": element.can_fail}
        return Function("array_cast", (source,), target, convert_all, **options)
    if context is Context.EXPLICIT and source in STRINGS:
        return Function("text_to_array", (source,), target, target.from_text, can_fail=True)
    if context >= Context.ASSIGNMENT and target in STRINGS:
        return Function("array_to_text", (source,), target, source.to_text)
    return None


def can_cast(source: SqlType, target: SqlType, context: Context) -> bool:
    """Whether a value of `source` may become one of `target`; quoted literals may always."""
    return source is target or source is UNKNOWN or find_cast(source, target, context) is not None


def cast(node: Node, target: SqlType, context: Context = Context.EXPLICIT) -> Node:
    """`node` converted; the literal's own text is read if its type is unknown yet.

    Raises SqlError 42846 where there is no such cast, and the error of a literal that does not fit.
    """
    if node.type is target:
        return node
    if isinstance(node, Constant) and node.value is None:
        return Constant(target, None)
    if node.type is UNKNOWN:
        if isinstance(node, Parameter):
            return replace(node, type=target)
        if isinstance(node, Constant):
            return Constant(target, target.from_text(node.value))
        node = replace(node, type=TEXT)
        return cast(node, target, Context.EXPLICIT)
    function = find_cast(node.type, target, context)
    if function is None:
        raise SqlError(
            f"cannot cast type {node.type.sql_name} to {target.sql_name}",
            "42846",
            hint=_hint(node.type, target) if context is not Context.EXPLICIT else None,
        )
    return Call(target, function, (node,))


def _hint(source: SqlType, target: SqlType) -> str | None:
    if find_cast(source, target, Context.EXPLICIT) is None:
        return None
    return f"write an explicit cast: (..)::{target.sql_name}"
