"""Calls of functions by name."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import not_supported
from engine.scalar import overloads
from engine.scalar.calls import compare_with_all, compare_with_any, negate, operator
from engine.scalar.nodes import Node, Session
from engine.scalar.translation.translator import Translator, translates
from engine.types import TEXT


@translates(exp.Anonymous)
def function_call(translator: Translator, tree: exp.Anonymous) -> Node:
    if not isinstance(tree.this, str):
        raise not_supported(f"the function name {tree.this.sql('postgres')}")
    return translator.call(tree.this.lower(), tree.expressions)


@translates(exp.Dot)
def qualified_function(translator: Translator, tree: exp.Dot) -> Node:
    """`pg_catalog.lower(..)`: functions of the system's schemas may be qualified."""
    schema = tree.this.name.lower()
    if isinstance(tree.expression, exp.Func) and schema in ("pg_catalog", "mz_catalog"):
        return translator.node(tree.expression)
    raise not_supported(f"the expression {tree.sql('postgres')}")


@translates(exp.CurrentUser, exp.SessionUser)
def current_user(translator: Translator, tree: exp.CurrentUser) -> Node:
    return Session(TEXT, "current_user")


@translates(exp.CurrentSchema)
def current_schema(translator: Translator, tree: exp.CurrentSchema) -> Node:
    return Session(TEXT, "current_schema")


@translates(exp.CurrentCatalog)
def current_catalog(translator: Translator, tree: exp.CurrentCatalog) -> Node:
    return Session(TEXT, "current_database")


@translates(exp.ILike, exp.Like)
def like(
    translator: Translator, tree: exp.Like | exp.ILike, escape: exp.Expr | None = None
) -> Node:
    name = "~~*" if isinstance(tree, exp.ILike) else "~~"
    if isinstance(tree.expression, exp.Any | exp.All):
        quantify = compare_with_any if isinstance(tree.expression, exp.Any) else compare_with_all
        items = translator.node(tree.expression.this)
        if tree.args.get("negate"):
            return quantify(f"!{name}", translator.node(tree.this), items)
        matched = quantify(name, translator.node(tree.this), items)
    elif escape is not None:
        operands = [tree.this, tree.expression, escape]
        matched = overloads.call(
            "like_escape" if name == "~~" else "ilike_escape", translator.nodes(operands)
        )
    else:
        matched = operator(name, translator.node(tree.this), translator.node(tree.expression))
    return negate(matched) if tree.args.get("negate") else matched


@translates(exp.Escape)
def like_with_escape(translator: Translator, tree: exp.Escape) -> Node:
    if not isinstance(tree.this, exp.Like | exp.ILike):
        raise not_supported(f"the expression {tree.sql('postgres')}")
    return like(translator, tree.this, tree.expression)


@translates(exp.StrPosition)
def position(translator: Translator, tree: exp.StrPosition) -> Node:
    return translator.call("position", [tree.args["substr"], tree.this])


@translates(exp.Substring)
def substring(translator: Translator, tree: exp.Substring) -> Node:
    parts = [tree.this, tree.args.get("start"), tree.args.get("length")]
    if parts[1] is None:
        parts[1] = exp.Literal.number(1)
    return translator.call("substring", [part for part in parts if part is not None])


@translates(exp.Trim)
def trim(translator: Translator, tree: exp.Trim) -> Node:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(tree.args.get("position") or "", "btrim")
    characters = tree.args.get("expression")
    return translator.call(name, [tree.this] if characters is None else [tree.this, characters])


@translates(exp.Overlay)
def overlay(translator: Translator, tree: exp.Overlay) -> Node:
    parts = [tree.this, tree.expression, tree.args["from_"], tree.args.get("for_")]
    return translator.call("overlay", [part for part in parts if part is not None])
