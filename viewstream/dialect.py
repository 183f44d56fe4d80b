"""The SQL that is sent to every engine, in which its versions differ. No I/O.

The scripts and the server send the same SQL, by psycopg2 and by momoko.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from viewstream.names import Part, quote_identifier
from viewstream.protocol import ProtocolError
from viewstream.relation import Relation

VERSION_QUERY = "SELECT mz_version()"
SUBSCRIBE_SINCE = (0, 27)
PROGRESS_AT_AS_OF_SINCE = (0, 50)
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


class UnknownEngineError(ProtocolError):
    """The engine is not Materialize, or of a version that cannot be parsed."""


@dataclass(frozen=True)
class Selection:
    """The rows of a relation that are read: all of them, or those of a part.

    The engine reads the value of a part as one of the column's type, so that it can use an index.
    Values of different text can be equal, such as 0 and -0 of a float: the reader leaves out rows
    of another text. Values of the same text are always equal.
    """

    relation: Relation
    part: Part | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """The values for each `%s` of `sql`."""
        value = None if self.part is None else self.part.value
        return () if value is None else (value,)

    @property
    def sql(self) -> str:
        """The relation and the condition, to follow FROM. With parameters, each % is doubled."""
        if self.part is None:
            return self.relation.sql
        column = quote_identifier(self.part.column)
        if self.part.value is None:
            return f"{self.relation.sql} WHERE {column} IS NULL"
        return f"{self.relation.sql} WHERE {column}".replace("%", "%%") + " = %s"

    def named(self, columns: str) -> str:
        """The same with other names for its columns."""
        source = self.sql if self.part is None else f"(SELECT * FROM {self.sql})"  # noqa: S608 -- quoted
        return f"{source} AS r ({columns})"


@dataclass(frozen=True)
class Dialect:
    """The SQL in which versions of the engine differ."""

    tail: str
    """The statement that streams changes: TAIL, and SUBSCRIBE from v0.27 on."""
    clock: str
    """The function that gives the time of a SELECT: mz_logical_timestamp(), mz_now() since."""
    progress_offset: int
    """Added to the time of the first progress row, it gives the stream's lower bound.

    From v0.50 on that row is at the AS OF itself, whose updates a stream without snapshot omits.
    """

    @property
    def has_file_sources(self) -> bool:
        """Whether the engine can read a file: from v0.27 on it takes events by webhook instead."""
        return self.tail == "TAIL"

    def tail_statement(
        self, relation: Relation, *, snapshot: bool = False, as_of: int | None = None
    ) -> str:
        """Return the statement that streams the changes of a relation, for a COPY or a cursor."""
        time = "" if as_of is None else f" AS OF {as_of}"
        options = f"SNAPSHOT = {str(snapshot).lower()}, PROGRESS"
        return f"{self.tail} {relation.sql} WITH ({options}){time}"

    def copy_tail(
        self, relation: Relation, *, snapshot: bool = False, as_of: int | None = None
    ) -> str:
        """Return the COPY that streams the changes of a relation."""
        tail = self.tail_statement(relation, snapshot=snapshot, as_of=as_of)
        return f"COPY ({tail}) TO STDOUT"

    def copy_rows(self, relation: Relation) -> str:
        """Return the COPY that prints the rows of now, in the form of a TAIL's text."""
        return f"COPY (SELECT {self.clock}, false, 1, * FROM {relation.sql}) TO STDOUT"  # noqa: S608 -- quoted

    def base_query(self, selection: Selection, most: int) -> str:
        """Return SQL for (time, start time of the engine, values of a row) of each row.

        If there are more than `most` rows, it gives one more than that, and not all: then ask
        `weighted_base_query`. An empty view gives no row and so no time: then ask
        `empty_base_query`.
        """
        return (
            f"SELECT {self.clock}, pg_postmaster_start_time(), *"  # noqa: S608 -- quoted
            f" FROM {selection.sql} LIMIT {most + 1}"
        )

    def weighted_base_query(self, selection: Selection, columns: int, most: int) -> str:
        """Return SQL for (time, start time, weight, values) of each different row.

        For views with many equal rows: every engine answers a plain SELECT with each row as often
        as it is there. It is not asked first, since it needs a dataflow where the plain one reads
        an index: of 1,000,000 different rows it takes five times as long. The columns get
        new names, since two of the view's own may have one name.
        """
        names = ", ".join(f"c{number}" for number in range(columns))
        return (
            f"SELECT {self.clock}, pg_postmaster_start_time(), count(*), {names}"  # noqa: S608 -- quoted
            f" FROM {selection.named(names)} GROUP BY {names} LIMIT {most + 1}"
        )

    def empty_base_query(self, selection: Selection, most: int) -> str:
        """Return SQL for (time, start time, whether this is a row of the view, its values).

        It is slower than `base_query` and always gives at least one row: where the view has none,
        one whose third value is NULL.
        """
        return (
            f"SELECT {self.clock}, pg_postmaster_start_time(), r.*"  # noqa: S608 -- quoted
            " FROM (SELECT true) AS one"
            f" LEFT JOIN (SELECT true AS present, * FROM {selection.sql}) AS r ON true"
            f" LIMIT {most + 1}"
        )


def parse_version(text: str) -> tuple[int, int]:
    """Return (major, minor) of what `mz_version()` gives; raises UnknownEngineError."""
    match = _VERSION.match(text)
    if match is None:
        raise UnknownEngineError(
            f"expected a version such as v0.26.4 from mz_version(), found {text!r}"
        )
    return int(match[1]), int(match[2])


def dialect_of(version: str) -> Dialect:
    """Return the dialect of an engine of this `mz_version()`; raises UnknownEngineError."""
    parsed = parse_version(version)
    is_renamed = parsed >= SUBSCRIBE_SINCE
    return Dialect(
        tail="SUBSCRIBE" if is_renamed else "TAIL",
        clock="mz_now()" if is_renamed else "mz_logical_timestamp()",
        progress_offset=int(parsed >= PROGRESS_AT_AS_OF_SINCE),
    )
