"""Statements with their names bound: columns, parameters, and compiled queries.

A plan is made when a statement is prepared, and run as often as it is executed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from sqlglot import exp

from engine.coordinator import CopyTarget, Write
from engine.errors import SqlError
from engine.query import Query
from engine.relation import Column, Relation
from engine.session.rows import tail_columns
from engine.session.upsert import upsert_columns
from engine.sql import statements as s
from engine.types import SqlType
from engine.zset import Row, Value


@dataclass(frozen=True)
class SelectPlan:
    query: Query
    as_of: Query | None

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.query.columns

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.query.parameters


@dataclass(frozen=True)
class TailPlan:
    """`template` is the query to compile once its parameters are known, None if it has none."""

    target: Relation | Query
    statement: s.Tail
    as_of: Query | None
    up_to: Query | None
    template: exp.Query | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        columns, progress = self.target.columns, self.statement.progress
        if self.statement.upsert_key:
            return upsert_columns(columns, self.statement.upsert_key, progress=progress)
        return tail_columns(columns, progress=progress)

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return () if isinstance(self.target, Relation) else self.target.parameters


@dataclass(frozen=True)
class AnswerPlan:
    """Rows that are known without reading a relation: a setting, a definition, a plan."""

    columns: tuple[Column, ...]
    rows: Callable[[], list[Row]]
    parameters: tuple[SqlType, ...] = ()


@dataclass(frozen=True)
class FetchPlan:
    """`columns` are those of the cursor, as it was when the plan was made."""

    statement: s.Fetch
    columns: tuple[Column, ...]
    parameters: tuple[SqlType, ...] = ()


ReadPlan: TypeAlias = SelectPlan | TailPlan | AnswerPlan
RowsPlan: TypeAlias = ReadPlan | FetchPlan
"""Plans that answer with rows."""


@dataclass(frozen=True)
class CopyPlan:
    source: SelectPlan | TailPlan
    format: s.CopyFormat

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.source.parameters


@dataclass(frozen=True)
class CopyFromPlan:
    statement: s.CopyFrom
    target: CopyTarget
    parameters: tuple[SqlType, ...] = ()


@dataclass(frozen=True)
class DeclarePlan:
    cursor: str
    source: SelectPlan | TailPlan

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.source.parameters


@dataclass(frozen=True)
class WritePlan:
    write: Write

    @property
    def is_constant(self) -> bool:
        """Whether it adds rows that depend on no relation."""
        return self.write.command.startswith("INSERT") and not self.write.query.inputs

    @property
    def parameters(self) -> tuple[SqlType, ...]:
        return self.write.parameters


@dataclass(frozen=True)
class CommandPlan:
    """Any other statement; it has no rows and no parameters."""

    statement: s.DdlStatement | s.Control
    parameters: tuple[SqlType, ...] = ()


Plan: TypeAlias = RowsPlan | CopyPlan | CopyFromPlan | DeclarePlan | WritePlan | CommandPlan


_EPOCH = datetime(1970, 1, 1)


def as_of_time(value: Value, kind: SqlType) -> int:
    """The time in milliseconds that the expression of an AS OF gave; raises SqlError."""
    if value is None:
        raise SqlError("AS OF must not be null: expected a time", "22004")
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, str):
        value = Decimal(value) if value.strip().lstrip("-").isdecimal() else value
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and value == int(value):
        if not 0 <= value < 2**64:
            raise SqlError("out of range integral type conversion attempted")
        return int(value)
    raise SqlError(
        f"expected a time after AS OF, in milliseconds or as a timestamp; found {kind.sql_name}",
        "42804",
    )
