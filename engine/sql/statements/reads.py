"""Statements that answer with rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlglot import exp

from engine.sql.statements.names import Name


@dataclass(frozen=True)
class Select:
    query: exp.Query
    as_of: exp.Expr | None = None


@dataclass(frozen=True)
class Tail:
    """A TAIL or SUBSCRIBE (the `verb`); `target` is a relation's name or a query."""

    target: Name | exp.Query
    snapshot: bool = True
    progress: bool = False
    as_of: exp.Expr | None = None
    up_to: exp.Expr | None = None
    upsert_key: tuple[str, ...] = ()
    """The key of `ENVELOPE UPSERT`; empty for updates with weights."""
    verb: Literal["TAIL", "SUBSCRIBE"] = "TAIL"


@dataclass(frozen=True)
class ShowVariable:
    """`name` is in lower case; None for `SHOW ALL`."""

    name: str | None


@dataclass(frozen=True)
class ShowCreate:
    """`kind` is `source`, `table`, `view` or `index`."""

    kind: str
    name: Name


@dataclass(frozen=True)
class ShowParts:
    """The contents of a relation: `select` asks the catalog for it, if there is such a one."""

    relation: Name
    select: Select


@dataclass(frozen=True)
class Explain:
    """`target` is a query, or the name of a view."""

    target: Name | exp.Query


Read: TypeAlias = Select | Tail | ShowVariable | ShowCreate | ShowParts | Explain
