"""Statements that steer the session: cursors, prepared statements, transactions, settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sqlglot import exp

from engine.sql.statements.reads import Select, Tail
from engine.sql.statements.writes import WriteStatement


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
class Prepare:
    """`types` are the oids of the parameters' types, as far as they were given."""

    name: str
    types: tuple[int, ...]
    statement: Select | Tail | WriteStatement


@dataclass(frozen=True)
class Execute:
    name: str
    arguments: tuple[exp.Expr, ...] = ()


@dataclass(frozen=True)
class Deallocate:
    """`name` is None for `DEALLOCATE ALL`."""

    name: str | None


@dataclass(frozen=True)
class Begin:
    """`tag` is the command tag: `BEGIN`, or `START TRANSACTION`."""

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
    """A statement that is accepted and changes nothing; `tag` is its command tag."""

    tag: str


Control: TypeAlias = (
    Declare
    | Fetch
    | Close
    | Prepare
    | Execute
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
