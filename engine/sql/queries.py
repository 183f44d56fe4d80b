"""Queries and expressions as trees, in which PostgreSQL's catalog functions are replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from engine.errors import not_supported
from engine.sql import trees
from engine.sql.catalog_functions import catalog_expression, is_catalog_function
from engine.sql.table_functions import (
    with_one_table_function,
    with_rows_of_function,
    with_subscripts,
    without_expanded_arrays,
)

T = TypeVar("T", bound=exp.Expr)

_COLLATIONS = {"default", "c", "posix", "ucs_basic", "c.utf8", "c.utf-8"}
"""Those that sort by code points, as everything here does."""

_TEXTS = {"text", "varchar", "name"}
OID_ALIAS = "oid_alias"
"""The argument of a cast to oid that names what the oid is of; a literal in it is a name."""
_OID_ALIASES = {"regclass", "regnamespace", "regrole"}
_WORDS = {
    *("_pg_expandarray", "attrelid", "collate", "pg_catalog", "string_to_array", "unnest"),
    *("regproc", "regprocedure", "regtype", *_OID_ALIASES),
}
"""Words without which a query needs no replacement."""
_WITH_RELATION = {"pg_get_viewdef", "pg_get_indexdef"}
"""Functions that take a relation by its oid or by its name."""
_PSEUDO_TYPES = {
    "any": 2276,
    "cstring": 2275,
    "event_trigger": 3838,
    "internal": 2281,
    "record": 2249,
    "trigger": 2279,
    "void": 2278,
}
"""Types of no value, which tools compare with those of functions."""


def parse_query(tokens: Sequence[Token], sql: str) -> exp.Query:
    """Parse the tokens, a part of `sql`, as a query; raises SqlError."""
    return _replaced(trees.parse_query(tokens, sql), tokens)


def parse_expression(tokens: Sequence[Token], sql: str) -> exp.Expr:
    """Parse the tokens, a part of `sql`, as a scalar expression; raises SqlError."""
    return _replaced(trees.parse_expression(tokens, sql), tokens)


def parse_tree(tokens: Sequence[Token], sql: str, what: str, kind: type[T]) -> T:
    """Parse the tokens, a part of `sql`, as a tree of that kind; raises SqlError."""
    return _replaced(trees.parse_tree(tokens, sql, what, kind), tokens)


def _replaced(tree: T, tokens: Sequence[Token]) -> T:
    """The tree with every catalog function replaced, from the innermost outwards."""
    if not any(
        is_catalog_function(word := token.text.lower()) or word in _WORDS for token in tokens
    ):
        return tree
    without_expanded_arrays(tree)
    for node in list(tree.walk(bfs=False))[::-1]:
        new = _replacement(node)
        if new is not node:
            if node is tree:
                tree = cast(T, new)
            else:
                node.replace(new)
    return tree


def _replacement(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        return _called(node)
    if isinstance(node, exp.Dot):
        return _without_schema(node)
    if isinstance(node, exp.Collate):
        return _without_collation(node)
    if isinstance(node, exp.Cast):
        return _without_oid_alias(node)
    if isinstance(node, exp.Select):
        return with_one_table_function(node)
    if isinstance(node, exp.Unnest) and isinstance(node.parent, exp.From | exp.Join):
        return with_subscripts(node)
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        if node.db.lower() == "pg_catalog":
            node.set("db", None)
        return with_rows_of_function(node)
    if isinstance(node, exp.Window):
        return _column_number(node)
    return node


def _called(node: exp.Anonymous) -> exp.Expr:
    name, arguments = str(node.this).lower(), node.expressions
    if not is_catalog_function(name):
        return node
    if name in _WITH_RELATION and arguments and arguments[0].is_string:
        arguments = [_oid_of("regclass", arguments[0]), *arguments[1:]]
    return catalog_expression(name, arguments)


def _column_number(window: exp.Window) -> exp.Expr:
    """`row_number()` of columns among those of their relation, as the number that they have."""
    order = window.args.get("order")
    partition = [part.name for part in window.args.get("partition_by") or ()]
    if order is None or partition != ["attrelid"] or not isinstance(window.this, exp.RowNumber):
        return window
    number = order.expressions[0].this
    if number.name != "attnum":
        return window
    return exp.Cast(this=number.copy(), to=exp.DataType.build("bigint", "postgres"))


def _without_schema(node: exp.Dot) -> exp.Expr:
    """`pg_catalog.f(..)` as `f(..)`."""
    schema, called = node.this, node.expression
    in_catalog = isinstance(schema, exp.Identifier) and schema.name.lower() == "pg_catalog"
    return node if isinstance(called, exp.Identifier) or not in_catalog else called


def _without_collation(node: exp.Collate) -> exp.Expr:
    collation = node.expression
    if collation.name.lower() not in _COLLATIONS:
        raise not_supported(f"the collation {collation.name!r}", hint="text sorts as in COLLATE C")
    return cast(exp.Expr, node.this)


def _without_oid_alias(node: exp.Cast) -> exp.Expr:
    """A cast to `regclass` and the like, or from there to text, as a look-up in the catalog."""
    to = _type_name(node.to)
    value = node.this
    if to in _TEXTS and isinstance(value, exp.Cast) and value.args.get(OID_ALIAS):
        return catalog_expression(f"{value.args[OID_ALIAS]} name", [value])
    if to in ("regproc", "regprocedure"):
        return _function_name(value)
    if to == "regtype" and value.is_string:
        return _regtype(node, value.name.removeprefix("pg_catalog."))
    if to not in _OID_ALIASES:
        return node
    return _oid_of(to, value)


def _oid_of(kind: str, value: exp.Expr) -> exp.Expr:
    if isinstance(value, exp.Parameter):
        value = exp.Cast(this=value, to=exp.DataType.build("text", "postgres"))
    if isinstance(value, exp.Cast) and _type_name(value.to) in _TEXTS:
        value = catalog_expression(f"{kind} oid", [value])
    return exp.Cast(this=value, to=exp.DataType.build("oid", "postgres"), **{OID_ALIAS: kind})


def _regtype(node: exp.Cast, name: str) -> exp.Expr:
    if name not in _PSEUDO_TYPES:
        return exp.Cast(this=exp.Literal.string(name), to=node.to)
    number = exp.Literal.number(_PSEUDO_TYPES[name])
    return exp.Cast(this=number, to=exp.DataType.build("oid", "postgres"))


def _function_name(value: exp.Expr) -> exp.Expr:
    """A function as columns such as `pg_type.typinput` have it: as its name."""
    if not value.is_string:
        return value
    return exp.Literal.string(value.name.removeprefix("pg_catalog."))


def _type_name(to: exp.Expr) -> str:
    return to.sql("postgres").lower().removeprefix("pg_catalog.")
