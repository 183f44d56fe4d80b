"""Queries whose answers are PostgreSQL's text, as the protocol's rows are."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extensions import new_type, register_type, string_types

from viewstream.names import quote_view
from viewstream.protocol import Row


def text_query(dsn: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run the statements; return the rows of the last one. Raises psycopg2.Error."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        register_type(new_type(tuple(string_types), "TEXT", lambda text, _: text), cursor)
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def rows_at(dsn: str, view: str, time: int) -> Counter[Row]:
    """Return the rows of the view at `time`; raises psycopg2.Error."""
    query = f"SELECT * FROM {quote_view(view)} AS OF {time}"  # noqa: S608 -- quoted
    return Counter(text_query(dsn, query))
