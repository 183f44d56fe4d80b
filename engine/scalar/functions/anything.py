"""Functions that take values of any type: concat, format, to_jsonb, jsonb_build_object .."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from engine.errors import SqlError
from engine.scalar.casts import Context, cast
from engine.scalar.functions.text import quote_ident, quote_literal
from engine.scalar.nodes import Call, Constant, Node
from engine.scalar.polymorphic import POLYMORPHIC, Builder, expect, polymorphic, settle
from engine.scalar.registry import Function
from engine.types import (
    BOOL,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    JSONB,
    NUMERIC,
    OID,
    TEXT,
    TIMESTAMP,
    Array,
    Jsonb,
    SqlType,
)
from engine.types.base import bounded_int
from engine.types.jsonb import JsonValue, read_number

_LOOSE: dict[str, Any] = {"strict": False, "variadic": True}


def as_text(node: Node) -> Node:
    """Convert a value to the text that concat and format print (t or f for a boolean)."""
    node = settle(node)
    if node.type is BOOL:
        return Call(TEXT, Function("bool_letter", (BOOL,), TEXT, BOOL.to_text), (node,))
    return cast(node, TEXT, Context.ASSIGNMENT)


def concat(*texts: str | None) -> str:
    return "".join(text for text in texts if text is not None)


def concat_ws(separator: str | None, *texts: str | None) -> str | None:
    if separator is None:
        return None
    return separator.join(text for text in texts if text is not None)


@polymorphic("concat")
def build_concat(arguments: list[Node], _: SqlType | None) -> Node:
    """All texts one after the other; NULLs add nothing."""
    function = Function("concat", (TEXT,), TEXT, concat, **_LOOSE)
    return Call(TEXT, function, tuple(map(as_text, arguments)))


@polymorphic("concat_ws")
def build_concat_ws(arguments: list[Node], _: SqlType | None) -> Node:
    function = Function("concat_ws", (TEXT,), TEXT, concat_ws, gives_null=True, **_LOOSE)
    return Call(TEXT, function, tuple(map(as_text, arguments)))


_MOST_PLACES = 65535
_WIDEST = 10_000
_DIRECTIVE = re.compile(r"%(?:(?P<place>\d+)\$)?(?P<left>-)?(?P<width>\d+)?(?P<kind>.?)", re.DOTALL)


def format_text(form: str | None, *texts: str | None) -> str | None:
    """PostgreSQL's format(): %s, %I (an identifier), %L (a literal), %%, with place and width."""
    if form is None:
        return None
    following = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal following
        kind = match["kind"]
        if kind == "%":
            return "%"
        place = bounded_int(match["place"], _MOST_PLACES) if match["place"] else following + 1
        following = place
        if kind not in ("s", "I", "L"):
            raise SqlError(f'unrecognized format() type specifier "{kind}"', "22023")
        if not 1 <= place <= len(texts):
            raise SqlError("too few arguments for format()", "22023")
        text = _formatted(kind, texts[place - 1])
        width = min(bounded_int(match["width"] or "0", _WIDEST), _WIDEST)
        return text.ljust(width) if match["left"] else text.rjust(width)

    return _DIRECTIVE.sub(fill, form)


def _formatted(kind: str, text: str | None) -> str:
    if kind == "s":
        return text or ""
    if kind == "L":
        return "NULL" if text is None else quote_literal(text)
    if text is None:
        raise SqlError("null values cannot be formatted as an SQL identifier", "22004")
    return quote_ident(text)


@polymorphic("format")
def build_format(arguments: list[Node], _: SqlType | None) -> Node:
    options = {**_LOOSE, "gives_null": True, "can_fail": True}
    function = Function("format", (TEXT,), TEXT, format_text, **options)
    return Call(TEXT, function, tuple(map(as_text, arguments)))


# JSON


def to_json(type_: SqlType) -> Callable[[Any], JsonValue]:
    """A function that makes a JSON value of a value of the type (or None)."""
    if type_ in (TEXT, BOOL, INT2, INT4, INT8, OID):
        return lambda value: value
    if type_ is JSONB:
        return lambda value: None if value is None else value.value
    if isinstance(type_, Array):
        item = to_json(type_.element)
        return lambda values: None if values is None else [item(value) for value in values]
    if type_ in (FLOAT4, FLOAT8, NUMERIC):
        return lambda value: None if value is None else _json_number(type_, value)
    return lambda value: None if value is None else type_.to_text(value)


def _json_number(type_: SqlType, value: Any) -> JsonValue:
    """A number; NaN as a string, for JSON has no number for it; raises SqlError for infinity."""
    if math.isinf(value):
        raise SqlError(
            "function casting double precision to numeric is only defined for finite arguments",
            "22003",
        )
    text = type_.to_text(value)
    return text if value != value else read_number(text)


def jsonb_values(node: Node) -> Node:
    """The node as jsonb, NULL as JSON's null."""
    node = settle(node)
    convert = to_json(node.type)
    call = lambda value: Jsonb(convert(value))  # noqa: E731
    options: dict[str, Any] = {"strict": False, "can_fail": _may_be_infinite(node.type)}
    return Call(JSONB, Function("to_json", (node.type,), JSONB, call, **options), (node,))


@polymorphic("to_jsonb", "to_json")
def build_to_jsonb(arguments: list[Node], _: SqlType | None) -> Node:
    expect("to_jsonb", arguments, 1)
    node = settle(arguments[0])
    convert = to_json(node.type)
    call = lambda value: Jsonb(convert(value))  # noqa: E731
    can_fail = _may_be_infinite(node.type)
    return Call(JSONB, Function("to_jsonb", (node.type,), JSONB, call, can_fail=can_fail), (node,))


def _may_be_infinite(type_: SqlType) -> bool:
    element = type_.element if isinstance(type_, Array) else type_
    return element in (FLOAT4, FLOAT8, NUMERIC)


def json_array(*items: Jsonb) -> Jsonb:
    return Jsonb([item.value for item in items])


def json_object(*parts: Any) -> Jsonb:
    """Of keys (texts) and values in turn."""
    keys = parts[::2]
    if None in keys:
        raise SqlError("null value not allowed for object key", "22004")
    return Jsonb({key: item.value for key, item in zip(keys, parts[1::2], strict=True)})


@polymorphic("jsonb_build_array", "json_build_array")
def build_json_array(arguments: list[Node], _: SqlType | None) -> Node:
    function = Function("jsonb_build_array", (JSONB,), JSONB, json_array, **_LOOSE)
    return Call(JSONB, function, tuple(map(jsonb_values, arguments)))


@polymorphic("jsonb_build_object", "json_build_object")
def build_json_object(arguments: list[Node], _: SqlType | None) -> Node:
    if len(arguments) % 2:
        raise SqlError("argument list must have even number of elements", "22023")
    parts = [
        jsonb_values(argument) if place % 2 else as_text(argument)
        for place, argument in enumerate(arguments)
    ]
    options = {**_LOOSE, "can_fail": True}
    function = Function("jsonb_build_object", (TEXT,), JSONB, json_object, **options)
    return Call(JSONB, function, tuple(parts))


# Others


@polymorphic("pg_typeof")
def build_typeof(arguments: list[Node], _: SqlType | None) -> Node:
    expect("pg_typeof", arguments, 1)
    type_ = arguments[0].type
    element = type_.element if isinstance(type_, Array) else type_
    # Of all types this one alone has another name than in errors.
    name = "timestamp without time zone" if element is TIMESTAMP else element.sql_name
    return Constant(TEXT, f"{name}[]" if isinstance(type_, Array) else name)


def _counter(null: bool) -> Callable[..., int]:
    return lambda *values: sum((value is None) is null for value in values)


@polymorphic("num_nulls")
def build_num_nulls(arguments: list[Node], _: SqlType | None) -> Node:
    function = Function("num_nulls", (TEXT,), INT4, _counter(True), **_LOOSE)
    return Call(INT4, function, tuple(map(settle, arguments)))


@polymorphic("num_nonnulls")
def build_num_nonnulls(arguments: list[Node], _: SqlType | None) -> Node:
    function = Function("num_nonnulls", (TEXT,), INT4, _counter(False), **_LOOSE)
    return Call(INT4, function, tuple(map(settle, arguments)))


# GREATEST and LEAST


def _extreme(type_: SqlType, largest: bool) -> Callable[..., Any]:
    def key(value: Any) -> Any:
        return type_.sort_key(value)

    pick: Callable[..., Any] = max if largest else min

    def call(*values: Any) -> Any:
        present = [value for value in values if value is not None]
        return pick(present, key=key) if present else None

    return call


def _extreme_builder(name: str) -> Builder:
    functions: dict[SqlType, Function] = {}

    def build(arguments: list[Node], _: SqlType | None) -> Node:
        type_ = arguments[0].type
        function = functions.get(type_)
        if function is None:
            call = _extreme(type_, name == "greatest")
            function = Function(name, (type_,), type_, call, strict=False, gives_null=True)
            functions[type_] = function
        return Call(type_, function, tuple(arguments))

    return build


for _name in ("greatest", "least"):
    POLYMORPHIC[_name] = _extreme_builder(_name)
