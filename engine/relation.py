"""Relations and columns as the catalog describes them to the query compiler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from engine.types import SqlType


@dataclass(frozen=True)
class Column:
    name: str
    type: SqlType


@dataclass(frozen=True)
class Relation:
    """A relation of the catalog: a source, a table, a view, or one of the system's own.

    `id` is its name for ever (`u7`, system ones `s3`); `name` what a query calls it. A relation
    with a `definition` is a plain view, and is inlined; one without is stored or read, and is
    an input of the dataflow under its id. Rows of an input are tuples in the order of `columns`.
    """

    id: str
    name: str
    columns: tuple[Column, ...]
    definition: exp.Query | None = None


class Resolver(Protocol):
    def resolve(self, parts: tuple[str, ...]) -> Relation:
        """Return the relation of a name of one to three parts; raises SqlError."""
