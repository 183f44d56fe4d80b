"""Parameters in trees: the types that a client declared, and their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast

from sqlglot import exp

from engine.types import UNKNOWN, SqlType, by_oid
from engine.zset import Value

T = TypeVar("T", bound=exp.Expr)


def declared_types(tree: T, oids: Sequence[int]) -> T:
    """The tree with a cast around each parameter whose type the client has declared."""
    types = {
        number: by_oid(oid)
        for number, oid in enumerate(oids, start=1)
        if oid not in (0, UNKNOWN.oid)
    }
    if not types:
        return tree

    def declare(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Parameter):
            kind = types.get(int(node.name))
            if kind is not None:
                return exp.Cast(this=node, to=exp.DataType.build(kind.sql_name, "postgres"))
        return node

    return cast(T, tree.copy().transform(declare))


def with_values(tree: exp.Query, types: Sequence[SqlType], values: Sequence[Value]) -> exp.Query:
    """The query with each parameter replaced by its value, as a literal of its type.

    What is maintained has no parameters: a TAIL of such a query is one of its own.
    """

    def replace(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Parameter):
            return node
        number = int(node.name) - 1
        kind, value = types[number], values[number]
        literal = exp.Null() if value is None else exp.Literal.string(kind.to_text(value))
        return exp.Cast(this=literal, to=exp.DataType.build(kind.sql_name, "postgres"))

    return cast(exp.Query, tree.copy().transform(replace))
