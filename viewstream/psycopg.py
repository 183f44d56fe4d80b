"""Talks to an engine over psycopg2, for the scripts: connect, look a view up, run a COPY.

psycopg2 is not a requirement of the package, only of this module. The server talks to the engine
over momoko instead; `dialect.py` and `relation.py` have the SQL of both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 -- it is a class
from psycopg2.extensions import make_dsn, new_type, parse_dsn, register_type

from viewstream.dialect import VERSION_QUERY, Dialect, dialect_of
from viewstream.engine import connection_options, explain
from viewstream.relation import (
    SEARCH_PATH_QUERY,
    Relation,
    find_relation,
    parse_search_path,
    relation_query,
)

_TIMESTAMPTZ = 1184


class Output(Protocol):
    """A destination of a COPY."""

    def write(self, data: bytes) -> None: ...


@contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    """Connect to an engine, outside of transactions; close the connection in the end."""
    options = connection_options(parse_dsn(dsn), os.environ)
    connection = psycopg2.connect(make_dsn(**options))
    try:
        connection.autocommit = True
        register_type(new_type((_TIMESTAMPTZ,), "TEXT", lambda text, _: text), connection)
        yield connection
    finally:
        connection.close()


def ask(connection: Connection, query: str) -> list[tuple[str, ...]]:
    """Return the rows of a query, whose values are text."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def read_dialect(connection: Connection) -> Dialect:
    """Return the dialect of the engine's version; raises ProtocolError."""
    return dialect_of(ask(connection, VERSION_QUERY)[0][0])


def look_up(connection: Connection, view: str) -> Relation:
    """Return the relation that `view` names now; raises LookupError and ProtocolError."""
    path = parse_search_path(ask(connection, SEARCH_PATH_QUERY)[0][0])
    return find_relation(view, ask(connection, relation_query(view)), path)


def copy(connection: Connection, statement: str, output: Output) -> None:
    """Run one COPY to its end; raises psycopg2.Error, ConnectionError, and what `output` raises."""
    try:
        with without_noise(), connection.cursor() as cursor:
            cursor.copy_expert(statement, output)
    except psycopg2.Error as error:
        # psycopg2's own text about a connection that broke inside a COPY is of no use.
        if connection.closed:
            raise ConnectionError("the engine went away") from error
        raise


@contextmanager
def without_noise() -> Iterator[None]:
    """Suppress the trace that psycopg2 prints when an engine ends a COPY with an error."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not (kind is SystemError and isinstance(error.__cause__, psycopg2.Error)):
            before(kind, error, trace)

    before, sys.excepthook = sys.excepthook, hook
    try:
        yield
    finally:
        sys.excepthook = before


def sentence(view: str, error: BaseException) -> str:
    """Return an error as one line for people, without the engine's DETAIL and position."""
    line = str(error).strip().partition("\n")[0]
    return explain(view, line) or line or type(error).__name__
