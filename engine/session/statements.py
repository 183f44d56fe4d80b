"""The statements that the engine understands, as plain data.

`engine.session.parser` makes them from text. A `Name` has one to three parts, already folded to
lower case unless it was quoted. Statements that change the catalog carry their own text (`sql`,
without what surrounds it), which `SHOW CREATE` prints and from which they can be parsed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from engine.types import SqlType

Name: TypeAlias = tuple[str, ...]


# Formats of a file source


@dataclass(frozen=True)
class TextFormat:
    """Each line is one `text` column named `text`."""


@dataclass(frozen=True)
class BytesFormat:
    """Each line is one `bytea` column named `data`."""


@dataclass(frozen=True)
class RegexFormat:
    """Each line that matches is a row of the pattern's groups, unnamed ones being `columnN`."""

    pattern: str


@dataclass(frozen=True)
class CsvFormat:
    """Each line is a row of text columns.

    With a `header` the first line of the file names them, unless `column_names` does; without,
    there are `width` columns named `column1`, `column2`, ...
    """

    header: bool
    width: int | None
    column_names: tuple[str, ...] = ()
    delimiter: str = ","


Format: TypeAlias = TextFormat | BytesFormat | RegexFormat | CsvFormat


# Changes of the catalog


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
    """`kind` is `source`, `table`, `view` or `index`."""

    kind: str
    names: tuple[Name, ...]
    if_exists: bool = False
    cascade: bool = False


DdlStatement: TypeAlias = CreateSource | CreateTable | CreateView | CreateIndex | Drop


# Changes of a table's rows


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


# Reads


@dataclass(frozen=True)
class Select:
    query: exp.Query
    as_of: exp.Expr | None = None


@dataclass(frozen=True)
class Tail:
    """`target` is a relation's name or a query."""

    target: Name | exp.Query
    snapshot: bool = True
    progress: bool = False
    as_of: exp.Expr | None = None


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
    """What a relation consists of: `select` asks the catalog for it, if there is such a one."""

    relation: Name
    select: Select


@dataclass(frozen=True)
class Explain:
    """`target` is a query, or the name of a view."""

    target: Name | exp.Query


Read: TypeAlias = Select | Tail | ShowVariable | ShowCreate | ShowParts | Explain


@dataclass(frozen=True)
class Copy:
    """`COPY (source) TO STDOUT`."""

    source: Select | Tail
    binary: bool = False


# Cursors, prepared statements, transactions, settings


@dataclass(frozen=True)
class Declare:
    cursor: str
    source: Select | Tail


@dataclass(frozen=True)
class Fetch:
    """`count` is None for ALL; `timeout` is in seconds, None to wait for at least one row."""

    cursor: str
    count: int | None = 1
    timeout: float | None = None


@dataclass(frozen=True)
class Close:
    """`cursor` is None for `CLOSE ALL`."""

    cursor: str | None


@dataclass(frozen=True)
class Deallocate:
    """`name` is None for `DEALLOCATE ALL`."""

    name: str | None


@dataclass(frozen=True)
class Begin:
    """`tag` is what the client is told: `BEGIN`, or `START TRANSACTION`."""

    tag: str = "BEGIN"


@dataclass(frozen=True)
class Commit:
    pass


@dataclass(frozen=True)
class Rollback:
    pass


@dataclass(frozen=True)
class Savepoint:
    name: str


@dataclass(frozen=True)
class RollbackTo:
    savepoint: str


@dataclass(frozen=True)
class Release:
    savepoint: str


@dataclass(frozen=True)
class SetVariable:
    """`value` is None for DEFAULT. `local` settings end with the transaction."""

    name: str
    value: str | None
    local: bool = False


@dataclass(frozen=True)
class ResetVariable:
    """`name` is None for `RESET ALL`."""

    name: str | None


@dataclass(frozen=True)
class Discard:
    """`what` is `ALL`, `PLANS`, `SEQUENCES` or `TEMP`."""

    what: str


@dataclass(frozen=True)
class Nothing:
    """A statement that is accepted and changes nothing; `tag` is what the client is told."""

    tag: str


Control: TypeAlias = (
    Declare
    | Fetch
    | Close
    | Deallocate
    | Begin
    | Commit
    | Rollback
    | Savepoint
    | RollbackTo
    | Release
    | SetVariable
    | ResetVariable
    | Discard
    | Nothing
)

Statement: TypeAlias = DdlStatement | WriteStatement | Read | Copy | Control
