"""COPY, to the client and from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.delimited import Dialect
from engine.sql.statements.names import Name
from engine.sql.statements.reads import Select, Tail


@dataclass(frozen=True)
class CopyFormat:
    """`dialect` is that of CSV; the text format takes its delimiter and its null from it."""

    kind: Literal["text", "csv", "binary"] = "text"
    dialect: Dialect = field(default_factory=lambda: Dialect("\t", null="\\N"))
    header: bool = False


@dataclass(frozen=True)
class Copy:
    """`COPY (source) TO STDOUT`, or of a table."""

    source: Select | Tail
    format: CopyFormat = field(default_factory=CopyFormat)


@dataclass(frozen=True)
class CopyFrom:
    """`COPY table FROM STDIN`; `columns` is empty when none are listed."""

    table: Name
    columns: tuple[str, ...]
    format: CopyFormat = field(default_factory=CopyFormat)
