"""Calls of functions by name."""

from __future__ import annotations

from sqlglot import exp

from engine.errors import not_supported
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
