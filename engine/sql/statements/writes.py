"""Statements that change the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from engine.sql.statements.names import Name


@dataclass(frozen=True)
class Insert:
    """`columns` is empty when none are listed: the query then gives them in the table's order."""

    table: Name
    columns: tuple[str, ...]
    query: exp.Query


@dataclass(frozen=True)
class Update:
    table: Name
    alias: str | None
    assignments: tuple[tuple[str, exp.Expr], ...]
    where: exp.Expr | None


@dataclass(frozen=True)
class Delete:
    table: Name
    alias: str | None
    where: exp.Expr | None


WriteStatement: TypeAlias = Insert | Update | Delete
