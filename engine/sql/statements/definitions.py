"""Statements that change the catalog: CREATE and DROP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from engine.sql.statements.names import Name
from engine.types import SqlType

# Formats of a file source


@dataclass(frozen=True)
class TextFormat:
    """Each line is one `text` column named `text`."""


@dataclass(frozen=True)
class BytesFormat:
    """Each line is one `bytea` column named `data`."""


@dataclass(frozen=True)
class JsonFormat:
    """Each line is one `jsonb` column named `data`."""


@dataclass(frozen=True)
class RegexFormat:
    """Each line that matches is a row of the pattern's groups, unnamed ones being `columnN`."""

    pattern: str


@dataclass(frozen=True)
class CsvFormat:
    """Each record is a row of text columns.

    With a `header` the first line of the file names them, unless `column_names` does; without,
    there are `width` columns named `column1`, `column2`, ...
    """

    header: bool
    width: int | None
    column_names: tuple[str, ...] = ()
    delimiter: str = ","


Format: TypeAlias = TextFormat | BytesFormat | JsonFormat | RegexFormat | CsvFormat


# CREATE and DROP


@dataclass(frozen=True)
class CreateSchema:
    name: str
    sql: str
    if_not_exists: bool = False


@dataclass(frozen=True)
class CreateSource:
    name: Name
    path: str
    format: Format
    sql: str
    column_names: tuple[str, ...] = ()
    """Names that replace those of the format; empty to keep them."""
    tail: bool = False
    compressed: bool = False
    """Whether the file is to be read through gzip."""
    materialized: bool = False
    if_not_exists: bool = False
    or_replace: bool = False


@dataclass(frozen=True)
class ColumnDefinition:
    name: str
    type: SqlType
    nullable: bool = True
    default: exp.Expr | None = None
    """A constant expression, to be cast to the type; None for NULL."""
    modifiers: tuple[int, ...] = ()
    """The numbers behind the type's name: (10, 2) of `numeric(10,2)`."""


@dataclass(frozen=True)
class CreateTable:
    name: Name
    columns: tuple[ColumnDefinition, ...]
    sql: str
    if_not_exists: bool = False
    unenforced: tuple[str, ...] = ()
    """The constraints that were given and mean nothing here: `PRIMARY KEY`, `CHECK`, .."""


@dataclass(frozen=True)
class CreateView:
    name: Name
    query: exp.Query
    sql: str
    column_names: tuple[str, ...] = ()
    """Names that replace those of the query; empty to keep them."""
    materialized: bool = False
    if_not_exists: bool = False
    or_replace: bool = False


@dataclass(frozen=True)
class CreateIndex:
    """An index; `name` is None when the engine is to choose one (`<relation>_primary_idx`)."""

    name: str | None
    relation: Name
    sql: str
    columns: tuple[str, ...] = ()
    """The text of each key expression; empty for `CREATE DEFAULT INDEX`."""
    if_not_exists: bool = False


@dataclass(frozen=True)
class Drop:
    """`kind` is `schema`, `source`, `table`, `view` or `index`."""

    kind: str
    names: tuple[Name, ...]
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True)
class Rename:
    """`ALTER kind name RENAME TO new_name`; `kind` is as that of `Drop`."""

    kind: str
    name: Name
    new_name: str
    if_exists: bool = False


DdlStatement: TypeAlias = (
    CreateSchema | CreateSource | CreateTable | CreateView | CreateIndex | Drop | Rename
)


def command_of(statement: DdlStatement) -> str:
    """The words with which the statement begins, for messages."""
    match statement:
        case CreateSchema():
            return "CREATE SCHEMA"
        case CreateSource():
            return "CREATE SOURCE"
        case CreateTable():
            return "CREATE TABLE"
        case CreateView():
            return "CREATE VIEW"
        case CreateIndex():
            return "CREATE INDEX"
        case Rename(kind):
            return f"ALTER {kind.upper()}"
        case Drop(kind):
            return f"DROP {kind.upper()}"
