"""Reads from an engine which relations it has, and how it would create them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg2

from scripts.sql_files.definitions import (
    MATERIALIZED_VIEW,
    Definition,
    body_of,
    normalize,
    without_placement,
)
from viewstream.names import quote_identifier, quote_literal, quote_view

Cursor: TypeAlias = Any
"""A cursor of psycopg2."""

_COMPARISON = "viewstream_comparison"
"""The temporary view by which an engine is asked for its own spelling of a query."""


@dataclass(frozen=True)
class Existing:
    """A relation that the engine has; `sql` would create it again.

    `catalog_kind` is what the engine calls it: up to v0.26 a materialized view is a VIEW.
    """

    kind: str
    catalog_kind: str
    sql: str


def find(cursor: Cursor, definition: Definition) -> Existing | None:
    """Return the relation that has the definition's name now; raises psycopg2.Error."""
    schema, name = definition.full_name
    cursor.execute(
        "SELECT o.type FROM mz_objects o JOIN mz_schemas s ON o.schema_id = s.id"  # noqa: S608
        f" WHERE s.name = {quote_literal(schema)} AND o.name = {quote_literal(name)}"
        " AND o.type <> 'index'"
    )
    found = cursor.fetchone()
    if found is None:
        return None
    kind = catalog_kind = found[0].upper().replace("-", " ")
    cursor.execute(f"SHOW CREATE {catalog_kind} {quote_view(definition.name)}")
    sql = cursor.fetchone()[1]
    if kind == "VIEW" and _is_materialized(cursor, schema, name):
        kind = MATERIALIZED_VIEW
        sql = sql.replace("CREATE VIEW", f"CREATE {MATERIALIZED_VIEW}", 1)
    return Existing(kind, catalog_kind, sql)


def _is_materialized(cursor: Cursor, schema: str, name: str) -> bool:
    cursor.execute(f"SHOW MATERIALIZED VIEWS FROM {quote_identifier(schema)}")
    return any(row[0] == name for row in cursor.fetchall())


def is_same(cursor: Cursor, definition: Definition, existing: Existing) -> bool:
    """Return whether the engine's relation is what the definition would create.

    The embedded engine shows a definition as it was written. Materialize shows it in its own
    spelling, so it is asked to spell the file's query, too, as a temporary view.
    """
    # Up to v0.26 a view with an index is a materialized one, and it is shown as a view.
    kinds = {existing.kind, existing.catalog_kind}
    if definition.kind not in kinds:
        return False
    written = normalize(definition.body)
    body = without_placement(normalize(body_of(existing.sql)), written)
    if written == body:
        return True
    if "VIEW" not in definition.kind:
        return False
    try:
        cursor.execute(f"CREATE TEMPORARY VIEW {_COMPARISON} {definition.body}")
    except psycopg2.Error:
        return False  # temporary views are unknown, or the file's query has an error
    cursor.execute(f"SHOW CREATE VIEW {_COMPARISON}")
    spelled = cursor.fetchone()[1]
    cursor.execute(f"DROP VIEW {_COMPARISON}")
    return normalize(body_of(spelled)) == body
