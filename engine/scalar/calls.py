"""Calls of functions and operators by name: by their signatures, or for arguments of any type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import engine.scalar.functions  # noqa: F401 -- fills the registries
from engine.errors import SqlError
from engine.scalar import overloads
from engine.scalar.casts import Context, cast
from engine.scalar.nodes import Call, Constant, Logic, Node
from engine.scalar.polymorphic import POLYMORPHIC
from engine.scalar.registry import Function
from engine.types import BOOL, UNKNOWN, Array, SqlType, array_of

FALSE = Constant(BOOL, False)


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


def operator(symbol: str, left: Node, right: Node) -> Node:
    """Apply a binary operator; raises SqlError 42883 if there is none that fits."""
    return call_operator(symbol, [left, right])


def logic(is_and: bool, operands: Sequence[Node]) -> Node:
    """AND or OR of one or more conditions."""
    return operands[0] if len(operands) == 1 else Logic(BOOL, is_and, tuple(operands))


def negate(node: Node) -> Node:
    """NOT."""
    return overloads.call("not", [node])


def compare_with_any(symbol: str, value: Node, array: Node) -> Node:
    """True if the comparison is true for an item, NULL if it is NULL for one and true for none."""
    return _quantify("any", symbol, value, array, True)


def compare_with_all(symbol: str, value: Node, array: Node) -> Node:
    """False if the comparison is false for an item, NULL if NULL for one and false for none."""
    return _quantify("all", symbol, value, array, False)


def _quantify(name: str, symbol: str, value: Node, array: Node, decisive: bool) -> Node:
    if array.type is UNKNOWN:
        element = overloads.settled(value.type)
        array = cast(array, array_of(element))
    if not isinstance(array.type, Array):
        raise SqlError(
            f"op {name.upper()} requires array on right side, found {array.type.sql_name}", "42809"
        )
    types = [overloads.plain(value.type), overloads.plain(array.type.element)]
    function = overloads.resolve(symbol, types, f"{types[0].sql_name} {symbol} {types[1].sql_name}")
    value = cast(value, function.arguments[0], Context.IMPLICIT)
    array = cast(array, array_of(function.arguments[1]), Context.IMPLICIT)
    quantified = Function(
        f"{symbol} {name}",
        (value.type, array.type),
        BOOL,
        _comparer(function.python, decisive),
        gives_null=True,
        can_fail=function.can_fail,
    )
    return Call(BOOL, quantified, (value, array))


def _comparer(compare: Callable[..., Any], decisive: bool) -> Callable[..., bool | None]:
    def run(value: Any, items: tuple[Any, ...]) -> bool | None:
        outcome: bool | None = not decisive
        for item in items:
            if item is None:
                outcome = None
            else:
                found: bool | None = compare(value, item)
                if found is decisive:
                    return decisive
                if found is None:
                    outcome = None
        return outcome

    return run
