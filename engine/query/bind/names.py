"""Scopes of names: the columns of FROM, and those of the enclosing queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from engine.errors import SqlError, not_supported
from engine.query.plan import outer
from engine.relation import Column
from engine.types import SqlType


def name_of(identifier: exp.Expr | str | None) -> str:
    """The name of an identifier: in lower case unless it was quoted."""
    if identifier is None:
        return ""
    if isinstance(identifier, exp.Identifier):
        text = str(identifier.this)
        return text if identifier.args.get("quoted") else text.lower()
    return str(identifier).lower()


@dataclass(frozen=True)
class Named:
    """A column in a scope: its table, its name, its index in the row, and its type."""

    table: str
    name: str
    index: int
    type: SqlType
    hidden: bool = False
    """Needs its table's name: one of the columns that USING merged."""

    extra: bool = False
    """Not part of `*`: a table function's alias, which also names its only column."""

    def numbered(self) -> exp.Column:
        """The column in a bound expression."""
        return numbered(self.index, self.name)


@dataclass
class Names:
    """A scope: the columns of a row by name, and the scope around it (`parent`).

    A name that is found in a scope hides those further out, and a table of a scope hides tables of
    its name. `ungrouped` are columns that GROUP BY removed from the row: they are found, and
    refused.
    """

    columns: list[Named] = field(default_factory=list)
    parent: Names | None = None
    tables: list[str] = field(default_factory=list)
    ungrouped: list[Named] = field(default_factory=list)

    def add(self, table: str, columns: Sequence[Column], start: int) -> None:
        """Add the columns of a table of FROM, which begin at `start` in the row."""
        if table and table in self.tables:
            raise SqlError(f'table name "{table}" specified more than once', "42712")
        self.tables.append(table)
        for place, column in enumerate(columns, start):
            self.columns.append(Named(table, column.name, place, column.type))

    def moved(self, by: int) -> list[Named]:
        return [replace(column, index=column.index + by) for column in self.columns]

    def resolve(self, column: exp.Column) -> Named:
        """Find a column; its index becomes the number of `plan.outer`. Raises SqlError."""
        name, table = name_of(column.this), name_of(column.args.get("table"))
        level = 0
        names: Names | None = self
        while names is not None:
            found = names.matching(name, table)
            if len(found) > 1:
                raise SqlError(f'column reference "{_shown(column)}" is ambiguous', "42702")
            if found:
                index = found[0].index
                return replace(found[0], index=outer(level, index) if level else index)
            if _matching(names.ungrouped, name, table):
                raise ungrouped(_shown(column))
            if table and table in names.tables:
                break
            if not table and name in names.tables:
                raise not_supported(
                    f'a reference to the whole row of table "{name}"', f"name columns, or {name}.*"
                )
            names, level = names.parent, level + 1
        raise SqlError(f'column "{_shown(column)}" does not exist')

    def distance(self, outside: Names | None) -> int:
        """The number of scopes from this one out to `outside`; None is outside of all."""
        level = 0
        names: Names | None = self
        while names is not None and names is not outside:
            names, level = names.parent, level + 1
        return level

    def matching(self, name: str, table: str) -> list[Named]:
        return _matching(self.columns, name, table)

    def star(self, table: str) -> Iterable[Named]:
        """The columns of `*` or `table.*`; raises SqlError."""
        if not table:
            if not self.tables:
                raise SqlError("SELECT * with no tables specified is not valid", "42601")
            return [column for column in self.columns if not (column.hidden or column.extra)]
        if table not in self.tables:
            raise SqlError(f'missing FROM-clause entry for table "{table}"', "42P01")
        return [column for column in self.columns if column.table == table]


def _matching(columns: Iterable[Named], name: str, table: str) -> list[Named]:
    return [
        column
        for column in columns
        if column.name == name and (column.table == table if table else not column.hidden)
    ]


def ungrouped(shown: str) -> SqlError:
    """The error for a column that is neither grouped nor aggregated."""
    return SqlError(
        f'column "{shown}" must appear in the GROUP BY clause or be used in an aggregate function',
        "42803",
    )


def _shown(column: exp.Column) -> str:
    parts = [name_of(part) for part in column.parts]
    return ".".join(parts)


def numbered(number: int, name: str = "?column?") -> exp.Column:
    """The column with that number in a bound expression; messages show the name.

    One number always has one name, so that equal expressions are equal trees.
    """
    return exp.Column(this=exp.to_identifier(name), number=number)


def number_of(column: exp.Expr) -> int | None:
    """The number of a column that `numbered` made; None for other trees."""
    number = column.args.get("number") if isinstance(column, exp.Column) else None
    return number if isinstance(number, int) else None
