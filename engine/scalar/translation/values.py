"""The parts of JSON documents, of arrays, and of dates."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.scalar import overloads
from engine.scalar.calls import call_function
from engine.scalar.casts import cast
from engine.scalar.coercion import unify
from engine.scalar.nodes import JsonGet, Node, Session
from engine.scalar.translation.translator import Translator, translates
from engine.types import (
    DATE,
    INT8,
    JSONB,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    Array,
    array_of,
)
from engine.types.base import bounded_int


@translates(exp.JSONExtract, exp.JSONExtractScalar)
def json_get(translator: Translator, tree: exp.JSONExtract | exp.JSONExtractScalar) -> Node:
    as_text = isinstance(tree, exp.JSONExtractScalar)
    base = translator.node(tree.this)
    symbol = "->>" if as_text else "->"
    if base.type is UNKNOWN:
        base = cast(base, JSONB)
    key = constant_key(tree.expression)
    if key is None or base.type is not JSONB:
        keys = tree.expression if key is None else literal_of(key)
        return overloads.operator(symbol, [base, translator.node(keys)])
    return JsonGet(TEXT if as_text else JSONB, base, key, as_text)


@translates(exp.Array)
def array(translator: Translator, tree: exp.Array) -> Node:
    if not tree.expressions:
        raise SqlError("cannot determine type of empty array", "42P18", hint="ARRAY[]::int[]")
    type_, items = unify(translator.nodes(tree.expressions), "ARRAY")
    return call_function("array", items, array_of(type_))


@translates(exp.Bracket)
def subscript(translator: Translator, tree: exp.Bracket) -> Node:
    base = translator.node(tree.this)
    if len(tree.expressions) != 1 or isinstance(tree.expressions[0], exp.Slice):
        raise not_supported(f"the subscript {tree.sql('postgres')}")
    if base.type is JSONB:
        return overloads.operator("->", [base, translator.node(tree.expressions[0])])
    if not isinstance(base.type, Array):
        raise SqlError(
            f"cannot subscript type {base.type.sql_name} because it is not an array", "42804"
        )
    return call_function("array_item", [base, translator.node(tree.expressions[0])])


@translates(exp.Extract)
def extract(translator: Translator, tree: exp.Extract) -> Node:
    return translator.call("extract", [exp.Literal.string(tree.name.lower()), tree.expression])


@translates(exp.AtTimeZone)
def at_time_zone(translator: Translator, tree: exp.AtTimeZone) -> Node:
    return translator.call("at_time_zone", [tree.args["zone"], tree.this])


@translates(exp.CurrentTimestamp)
def current_timestamp(translator: Translator, tree: exp.CurrentTimestamp) -> Node:
    return Session(TIMESTAMPTZ, "now")


@translates(exp.CurrentDate)
def current_date(translator: Translator, tree: exp.CurrentDate) -> Node:
    return cast(Session(TIMESTAMPTZ, "now"), DATE)


@translates(exp.Localtimestamp)
def local_timestamp(translator: Translator, tree: exp.Localtimestamp) -> Node:
    return cast(Session(TIMESTAMPTZ, "now"), TIMESTAMP)


def constant_key(tree: exp.Expr) -> str | int | None:
    """The key or index that a constant right operand of `->` is; None if it is no constant."""
    if isinstance(tree, exp.JSONPath) and len(tree.expressions) == 2:
        part = tree.expressions[1]
        if isinstance(part, exp.JSONPathKey | exp.JSONPathSubscript) and isinstance(
            part.this, str | int
        ):
            return part.this
        raise not_supported(f"the key {part.sql('postgres')} of ->")
    if isinstance(tree, exp.Literal):
        return tree.name if tree.is_string else _index(tree.name)
    if isinstance(tree, exp.Neg) and isinstance(tree.this, exp.Literal):
        index = _index(tree.this.name)
        return None if index is None else -index
    return None


def _index(text: str) -> int | None:
    """An index of an array; None for a number that is none."""
    return bounded_int(text, INT8.most) if text.isascii() and text.isdecimal() else None


def literal_of(key: str | int) -> exp.Expr:
    return exp.Literal.string(key) if isinstance(key, str) else exp.Literal.number(key)
