"""Parameters in trees: the types that a client declared, and their values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast

from sqlglot import exp

from engine.errors import SqlError
from engine.sql import statements as s
from engine.types import UNKNOWN, SqlType, by_oid
from engine.zset import Value

T = TypeVar("T", bound=exp.Expr)
Prepared = TypeVar("Prepared", bound=s.Select | s.Tail | s.WriteStatement)


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


def with_arguments(
    statement: Prepared, oids: Sequence[int], arguments: Sequence[exp.Expr]
) -> Prepared:
    """The statement with the arguments of an EXECUTE in the place of its parameters."""
    types = [*oids, *(0 for _ in arguments)]

    def replace(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Parameter):
            return node
        number = int(node.name) - 1
        if number >= len(arguments):
            raise SqlError(f"there is no parameter ${number + 1}", "42P02")
        argument = exp.paren(arguments[number].copy())
        if types[number] in (0, UNKNOWN.oid):
            return argument
        to = exp.DataType.build(by_oid(types[number]).sql_name, "postgres")
        return exp.Cast(this=argument, to=to)

    def replaced(value: object) -> object:
        if isinstance(value, exp.Expr):
            return value.copy().transform(replace)
        return tuple(map(replaced, value)) if isinstance(value, tuple) else value

    changed: dict[str, Any] = {
        field.name: replaced(getattr(statement, field.name)) for field in fields(statement)
    }
    return dataclasses.replace(statement, **changed)
