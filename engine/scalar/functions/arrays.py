"""Functions on arrays of any type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.errors import SqlError
from engine.scalar import overloads
from engine.scalar.casts import Context, can_cast, cast
from engine.scalar.nodes import Call, Node
from engine.scalar.polymorphic import expect, no_such_function, polymorphic
from engine.scalar.registry import Function
from engine.types import (
    BOOL,
    INT4,
    INT8,
    JSONB,
    TEXT,
    UNKNOWN,
    Array,
    SqlType,
    array_of,
)

_LOOSE: dict[str, Any] = {"strict": False, "gives_null": True}


def _array(name: str, arguments: list[Node], place: int = 0) -> Array:
    type_ = arguments[place].type
    if not isinstance(type_, Array):
        raise no_such_function(name, arguments)
    return type_


def _call(
    name: str,
    types: tuple[SqlType, ...],
    returns: SqlType,
    call: Callable[..., Any],
    arguments: list[Node],
    **options: Any,
) -> Node:
    """A call of a function of these types; the arguments are converted implicitly."""
    function = Function(name, types, returns, call, **options)
    pairs = zip(arguments, types, strict=True)
    return Call(returns, function, tuple(cast(a, t, Context.IMPLICIT) for a, t in pairs))


@polymorphic("array")
def build_array(arguments: list[Node], type_: SqlType | None) -> Node:
    """ARRAY[a, b]: the items have been brought to one type."""
    assert isinstance(type_, Array)
    options: dict[str, Any] = {"strict": False, "variadic": True}
    function = Function("array", (type_.element,), type_, lambda *items: items, **options)
    return Call(type_, function, tuple(arguments))


def item(values: tuple[Any, ...], index: int) -> Any:
    """The item at the 1-based index, NULL beyond the ends."""
    return values[index - 1] if 0 < index <= len(values) else None


@polymorphic("array_item")
def build_item(arguments: list[Node], _: SqlType | None) -> Node:
    array = _array("array_item", arguments)
    types = (array, INT8)
    return _call("array_item", types, array.element, item, arguments, gives_null=True)


@polymorphic("array_length", "array_upper")
def build_length(arguments: list[Node], _: SqlType | None) -> Node:
    """NULL for an empty array, and for any dimension but the first."""
    expect("array_length", arguments, 2)
    array = _array("array_length", arguments)

    def call(values: tuple[Any, ...], dimension: int) -> int | None:
        return len(values) if values and dimension == 1 else None

    return _call("array_length", (array, INT4), INT4, call, arguments, gives_null=True)


@polymorphic("array_lower")
def build_lower(arguments: list[Node], _: SqlType | None) -> Node:
    expect("array_lower", arguments, 2)
    array = _array("array_lower", arguments)

    def call(values: tuple[Any, ...], dimension: int) -> int | None:
        return 1 if values and dimension == 1 else None

    return _call("array_lower", (array, INT4), INT4, call, arguments, gives_null=True)


@polymorphic("cardinality")
def build_cardinality(arguments: list[Node], _: SqlType | None) -> Node:
    expect("cardinality", arguments, 1)
    return _call("cardinality", (_array("cardinality", arguments),), INT4, len, arguments)


@polymorphic("array_to_string")
def build_to_string(arguments: list[Node], _: SqlType | None) -> Node:
    """Join the texts of the items; NULLs are left out, or replaced by the third argument."""
    expect("array_to_string", arguments, 2, 3)
    array = _array("array_to_string", arguments)
    element = array.element

    def call(
        values: tuple[Any, ...] | None, delimiter: str | None, null: str | None = None
    ) -> str | None:
        if values is None or delimiter is None:
            return None
        shown = (null if value is None else element.to_text(value) for value in values)
        return delimiter.join(text for text in shown if text is not None)

    types = (array, TEXT, TEXT)[: len(arguments)]
    return _call("array_to_string", types, TEXT, call, arguments, **_LOOSE)


@polymorphic("string_to_array")
def build_from_string(arguments: list[Node], _: SqlType | None) -> Node:
    """The parts between delimiters, or the characters; parts equal to `null` become NULL."""
    expect("string_to_array", arguments, 2, 3)

    def call(
        text: str | None, delimiter: str | None, null: str | None = None
    ) -> tuple[str | None, ...] | None:
        if text is None:
            return None
        parts: Sequence[str] = [text] if text else []
        if text and delimiter != "":
            parts = list(text) if delimiter is None else text.split(delimiter)
        return tuple(None if part == null else part for part in parts)

    types = (TEXT,) * len(arguments)
    return _call("string_to_array", types, array_of(TEXT), call, arguments, **_LOOSE)


def concatenate(a: tuple[Any, ...] | None, b: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """NULL is an array that adds nothing."""
    if a is None or b is None:
        return b if a is None else a
    return a + b


def append(values: tuple[Any, ...] | None, value: Any) -> tuple[Any, ...]:
    return (*(values or ()), value)


def prepend(value: Any, values: tuple[Any, ...] | None) -> tuple[Any, ...]:
    return (value, *(values or ()))


@polymorphic("array_cat")
def build_concatenation(arguments: list[Node], _: SqlType | None) -> Node:
    expect("array_cat", arguments, 2)
    array = _array("array_cat", arguments, 1 if arguments[0].type is UNKNOWN else 0)
    return _call("array_cat", (array, array), array, concatenate, arguments, **_LOOSE)


@polymorphic("array_append")
def build_append(arguments: list[Node], _: SqlType | None) -> Node:
    expect("array_append", arguments, 2)
    array = _array("array_append", arguments)
    return _call("array_append", (array, array.element), array, append, arguments, **_LOOSE)


@polymorphic("array_prepend")
def build_prepend(arguments: list[Node], _: SqlType | None) -> Node:
    expect("array_prepend", arguments, 2)
    array = _array("array_prepend", arguments, 1)
    return _call("array_prepend", (array.element, array), array, prepend, arguments, **_LOOSE)


@polymorphic("array_remove")
def build_remove(arguments: list[Node], _: SqlType | None) -> Node:
    expect("array_remove", arguments, 2)
    array = _array("array_remove", arguments)

    def call(values: tuple[Any, ...] | None, unwanted: Any) -> tuple[Any, ...] | None:
        return None if values is None else tuple(v for v in values if v != unwanted)

    return _call("array_remove", (array, array.element), array, call, arguments, **_LOOSE)


@polymorphic("array_position")
def build_position(arguments: list[Node], _: SqlType | None) -> Node:
    """The 1-based place of the first item that is the same; NULL if there is none."""
    expect("array_position", arguments, 2)
    array = _array("array_position", arguments)

    def call(values: tuple[Any, ...] | None, wanted: Any) -> int | None:
        return values.index(wanted) + 1 if values is not None and wanted in values else None

    return _call("array_position", (array, array.element), INT4, call, arguments, **_LOOSE)


def _set_operator(symbol: str, compare: Callable[[Any, Any], bool]) -> None:
    @polymorphic(symbol)
    def build(arguments: list[Node], _: SqlType | None) -> Node:
        types = [argument.type for argument in arguments]
        array = next((type_ for type_ in types if isinstance(type_, Array)), None)
        if array is None:
            return overloads.operator(symbol, arguments)
        return _call(symbol, (array, array), BOOL, compare, arguments)


def contains(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether every item of b is in a; NULL is in nothing."""
    return None not in b and all(value in a for value in b)


_set_operator("@>", contains)
_set_operator("<@", lambda a, b: contains(b, a))
_set_operator("&&", lambda a, b: any(value is not None and value in a for value in b))


@polymorphic("||")
def build_join(arguments: list[Node], _: SqlType | None) -> Node:
    """Arrays with arrays or items; text with a value of any type, which is printed."""
    left, right = (argument.type for argument in arguments)
    if isinstance(left, Array) or isinstance(right, Array):
        return _join_arrays(arguments)
    if JSONB not in (left, right) or TEXT in (left, right):
        for place, (own, other) in enumerate(((left, right), (right, left))):
            is_value = own is not UNKNOWN and own.category != "S"
            if (
                other.category in ("S", "X")
                and is_value
                and can_cast(own, TEXT, Context.ASSIGNMENT)
            ):
                arguments = list(arguments)
                arguments[place] = cast(arguments[place], TEXT)
                break
    return overloads.operator("||", arguments)


def _join_arrays(arguments: list[Node]) -> Node:
    left, right = (argument.type for argument in arguments)
    if isinstance(left, Array) and isinstance(right, Array):
        return build_concatenation(arguments, None)
    if UNKNOWN in (left, right):
        return build_concatenation(arguments, None)
    array = left if isinstance(left, Array) else right
    item_type = right if array is left else left
    assert isinstance(array, Array)
    if not can_cast(item_type, array.element, Context.IMPLICIT):
        raise SqlError(f"operator {left.sql_name} || {right.sql_name} does not exist", "42883")
    return build_append(arguments, None) if array is left else build_prepend(arguments, None)
