"""SQL and connection options for every engine: Materialize of any version, or `engine/`. No I/O.

The scripts and the server send the same SQL to an engine, by psycopg2 and by momoko. It is written
once, here: where the engine listens, how a view's epoch is asked, and how the versions differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from viewstream.names import Part, quote_identifier, quote_literal, split_view_name
from viewstream.protocol import ProtocolError, parse_epoch

DEFAULT_DSN = "host=127.0.0.1 port=6875 user=materialize dbname=materialize"
"""Where Materialize and the embedded engine listen unless they were configured otherwise."""

NETWORK_OPTIONS = {
    "connect_timeout": "10",
    # A connection to a machine that vanished fails within about 20 s, whether idle or not.
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""Options of libpq for a connection that lasts: defaults, which a DSN may override."""

QUIET = "-c client_min_messages=warning"
"""Keeps the greeting out of our logs: today's Materialize sends 11 NOTICEs to each connection."""

VERSION_QUERY = "SELECT mz_version()"
SEARCH_PATH_QUERY = "SHOW search_path"

SYSTEM_SCHEMAS = ("mz_catalog", "pg_catalog")
"""Schemas in which every engine looks first, whether its search path names them or not."""

RELATION_TYPES = "'source', 'table', 'view', 'materialized-view', 'materialized view'"
"""The types of objects that can be read, as versions spell them, as SQL."""

SUBSCRIBE_SINCE = (0, 27)
PROGRESS_AT_AS_OF_SINCE = (0, 50)

_NOT_INDEXED = "unable to automatically determine a query timestamp"
"""The error of v0.26 for a SELECT of a view that is neither materialized nor indexed."""

_UNKNOWN_RELATION = re.compile(r"unknown catalog item|relation .* does not exist")
_UNFIT_VALUE = re.compile(r"invalid input syntax for|out of range|malformed|invalid value")
_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_TIMESTAMPTZ = re.compile(
    r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d{1,6})?([+-]\d\d)(?::?(\d\d))?(?::?(\d\d))?"
)


class UnknownEngineError(ProtocolError):
    """The engine is not Materialize, or of a version that cannot be parsed."""


@dataclass(frozen=True)
class Relation:
    """A relation that the engine has now, by its full name, with the epoch of its history."""

    schema: str
    name: str
    epoch: str
    time: int | None = field(default=None, compare=False)
    """The engine's time when it answered, if it was asked."""

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        """The name as SQL."""
        return f"{quote_identifier(self.schema)}.{quote_identifier(self.name)}"


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


def connection_options(
    dsn: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return libpq's options for a parsed DSN, with our defaults for those it lacks.

    `options` are merged, not replaced: those of the DSN, or else of PGOPTIONS in `environment`
    (which libpq would ignore now), come last and so prevail.
    """
    theirs = dsn.get("options", (environment or {}).get("PGOPTIONS", ""))
    return {**NETWORK_OPTIONS, **dsn, "options": f"{QUIET} {theirs}".rstrip()}


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


def parse_search_path(text: str) -> tuple[str, ...]:
    """Return the schemas, in order, in which the engine looks for a name without a schema."""
    named = (part.strip().strip('"') for part in text.split(","))
    return tuple(dict.fromkeys((*SYSTEM_SCHEMAS, *named)))


DEFAULT_SEARCH_PATH = parse_search_path("public")


def relation_query(view: str) -> str:
    """Return SQL for the rows that `find_relation` takes: all relations that `view` may name.

    Read it with type casters switched off. Raises ProtocolError.
    """
    schema, name = split_view_name(view)
    where = "" if schema is None else f" AND s.name = {quote_literal(schema)}"
    return (
        "SELECT pg_postmaster_start_time(), o.id, s.name"  # noqa: S608 -- both parts are quoted
        " FROM mz_objects o JOIN mz_schemas s ON o.schema_id = s.id"
        f" WHERE o.name = {quote_literal(name)}{where}"
        f" AND o.type IN ({RELATION_TYPES})"
    )


def relations_query(views: Iterable[str], clock: str) -> str:
    """Return SQL for the rows that `find_relation` takes, of many views.

    Each row has two values more: the name of its view, and the engine's time by `clock`.
    """
    names = sorted({split_view_name(view)[1] for view in views})
    return (
        f"SELECT pg_postmaster_start_time(), o.id, s.name, o.name, {clock}"  # noqa: S608 -- quoted
        " FROM mz_objects o JOIN mz_schemas s ON o.schema_id = s.id"
        f" WHERE o.name IN ({', '.join(map(quote_literal, names))})"
        f" AND o.type IN ({RELATION_TYPES})"
    )


def find_relation(
    view: str,
    answer: Sequence[Sequence[str]],
    search_path: Sequence[str] = DEFAULT_SEARCH_PATH,
) -> Relation:
    """Return the relation that `view` names, of the rows of `relation_query(view)`.

    A name without a schema is looked up as the engine does it: in the schemas of `search_path`, in
    order. Raises LookupError when there is no such relation, or more than one (in two databases),
    and ProtocolError when the answer has not the expected form.
    """
    schema, name = split_view_name(view)
    for candidate in search_path if schema is None else [schema]:
        found = [row for row in answer if row[2] == candidate]
        if len(found) > 1:
            raise LookupError(f"expected one relation named {view!r}, found {len(found)}")
        if found:
            return Relation(candidate, name, make_epoch(found[0][0], found[0][1]))
    raise LookupError(f"unknown view {view!r}")


def explain(view: str, error: str) -> str | None:
    """Return a clearer sentence for an engine's error, with a remedy; None if there is none."""
    if _NOT_INDEXED in error:
        return f"{view} is a plain view: make it materialized, or give it an index"
    return None


def is_unknown_relation(error: str) -> bool:
    """Whether an engine's error says that there is no such relation."""
    return _UNKNOWN_RELATION.search(error) is not None


def is_unfit_value(error: str, value: str | None) -> bool:
    """Whether an engine's error says that the text is no value of a column's type."""
    is_named = value is not None and f'"{value}"' in error
    return is_named and _UNFIT_VALUE.search(error) is not None


def make_epoch(postmaster_start_time: str, object_id: str) -> str:
    """Make the epoch of the object `object_id` in the engine that started at that time.

    `postmaster_start_time` is the text of a timestamptz, as `pg_postmaster_start_time()`
    prints it in whatever time zone; it is floored to milliseconds. Another start of the engine
    gives another epoch, and so does an object that was created again. Raises ProtocolError.
    """
    match = _TIMESTAMPTZ.fullmatch(postmaster_start_time)
    if match is None:
        raise ProtocolError(
            "expected a timestamptz such as 2020-01-02 01:04:05.678+00, "
            f"found {postmaster_start_time!r}"
        )
    day, clock, fraction, hours, minutes, seconds = match.groups(default="")
    zone = f"{hours}:{minutes or '00'}:{seconds or '00'}"
    start = datetime.fromisoformat(f"{day} {clock}.{fraction[1:]:0<6}{zone}").astimezone(UTC)
    since = start - datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    return parse_epoch(f"{milliseconds}-{object_id}")
