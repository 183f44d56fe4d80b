"""Compiles and evaluates SQL expressions, for tests that look like SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlglot import exp

from engine.scalar import Environment, Evaluation, Scalar, Scope, compile_rows, compile_scalar
from engine.sql.dialect import tokenize
from engine.sql.trees import parse_query
from engine.types import SqlType

ENVIRONMENT = Environment(datetime(2020, 1, 1, 12, 0, 0, 250_000), clock=lambda: 1_577_934_245_678)


def parse(sql: str) -> list[exp.Expr]:
    """The expressions of `SELECT sql`."""
    text = f"SELECT {sql}"
    return [tree.unalias() for tree in parse_query(tokenize(text), text).expressions]


def scope(columns: Mapping[str, SqlType]) -> Scope:
    """A scope in which the row holds these columns, in this order."""
    places = {name: (index, type_) for index, (name, type_) in enumerate(columns.items())}

    def find(tree: exp.Expr) -> tuple[int, SqlType] | None:
        return places.get(tree.name) if isinstance(tree, exp.Column) else None

    return Scope(find)


def scalars(sql: str, columns: Mapping[str, SqlType] | None = None) -> list[Scalar]:
    names = scope(columns or {})
    return [compile_scalar(tree, names) for tree in parse(sql)]


def scalar(sql: str, columns: Mapping[str, SqlType] | None = None) -> Scalar:
    (only,) = scalars(sql, columns)
    return only


def value(
    sql: str,
    columns: Mapping[str, SqlType] | None = None,
    row: tuple[Any, ...] = (),
    parameters: tuple[Any, ...] = (),
) -> Any:
    """The value of one expression over one row."""
    function = compile_rows(
        [scalar(sql, columns)], None, Evaluation(ENVIRONMENT, 1_600_000_000_000, parameters)
    )
    result = function(row)
    assert result is not None
    return result[0]


def text(
    sql: str, columns: Mapping[str, SqlType] | None = None, row: tuple[Any, ...] = ()
) -> str | None:
    """The value as SELECT prints it; None for NULL."""
    compiled = scalar(sql, columns)
    result = value(sql, columns, row)
    return None if result is None else compiled.type.to_text(result)
